"""`python -m tools.bench`: measure this server and its peers side by side, and write the results.

Needs `wrk`, `taskset`, for the instructions `valgrind`, and what `requirements.txt` lists. A quiet
machine with two cores at least: one for the servers, which are measured one at a time, and one
for the load.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.bench.equality import check_equal
from tools.bench.instructions import count_instructions
from tools.bench.load import Measurement, measure, median
from tools.bench.machine import describe_machine
from tools.bench.report import write_report
from tools.bench.servers import LOAD_CORE, OURS, PEERS, ROOT, SERVER_CORE, Peer, Server
from tools.bench.sites import Site, Size, sites
from tools.bench.workloads import Workload

FILE_SECONDS = 5.0
"""Transfers of files take long: this is the least time in which enough of them end."""
COUNTED = ("get", "list_50")
"""Workloads whose instructions are counted, and that are tried with two processes."""


def main(
    *,
    quick: Annotated[bool, typer.Option(help="One round of one second: only a trial.")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Of one measurement.")] = 3.0,
    databases: Annotated[str, typer.Option(help="Commas between.")] = "sqlite,postgresql",
    peers: Annotated[str, typer.Option(help="Commas between; default: all.")] = "",
    only: Annotated[str, typer.Option(help="Workloads, commas between; default: all.")] = "",
    instructions: Annotated[
        bool, typer.Option(help="Count instructions; else keep those of the run before.")
    ] = True,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = ROOT / "docs/benchmarks",
) -> None:
    """Measure, and write a table, a plot and all figures."""
    session = Session(1 if quick else rounds, 1.0 if quick else seconds)
    chosen = [peer for peer in PEERS if not peers or peer.name in peers.split(",")]
    for database in databases.split(","):
        with sites(database, Size()) as (site,):
            asked = [one for one in site.workloads if not only or one.name in only.split(",")]
            session.compare(site, chosen, asked)
            few = [one for one in asked if one.name in COUNTED]
            session.compare_workers(site, few)
            if instructions and not quick:
                session.count(site, chosen, few)
    output.mkdir(parents=True, exist_ok=True)
    results = output / "results.json"
    if not instructions and results.exists():
        before = json.loads(results.read_text())
        session.results |= {name: before[name] for name in ("instructions", "counted")}
    results.write_text(json.dumps(session.results, indent=1) + "\n")
    write_report(session.results, output)
    print(f"Written to {output}.")


class Session:
    """One run of all measurements, and what has been found so far."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        machine = describe_machine()
        self.results: dict[str, Any] = {
            "machine": machine,
            "rounds": rounds,
            "seconds": seconds,
            "measurements": [],
            "starts": [],
            "workers": [],
            "instructions": [],
            "counted": machine["date"],
        }

    def compare(self, site: Site, peers: list[Peer], asked: list[Workload]) -> None:
        """Start all peers, see that they answer alike, and measure them in turn."""
        with ExitStack() as stack:
            servers = []
            for peer in peers:
                server = stack.enter_context(site.run(peer))
                servers.append(server)
                self._keep(
                    "starts",
                    site,
                    peer=peer.name,
                    seconds=server.start_seconds,
                    memory_bytes=server.memory_bytes(),
                )
            for workload in asked:
                check_equal(servers, workload, site.facts.key)
                self._measure_in_turn(site, servers, workload)

    def _measure_in_turn(self, site: Site, servers: list[Server], workload: Workload) -> None:
        found: dict[str, list[Measurement]] = {server.peer.name: [] for server in servers}
        for _ in range(self.rounds):
            for server in servers:
                found[server.peer.name].append(self._measure(site, server, workload))
        for name, measurements in found.items():
            self._keep(
                "measurements",
                site,
                peer=name,
                workload=workload.name,
                title=workload.title,
                median=asdict(median(measurements)),
                rounds=[asdict(one) for one in measurements],
            )

    def compare_workers(self, site: Site, asked: list[Workload]) -> None:
        """Compare the processor time of a request with one and with two server processes.

        On the same cores: the threads of one process, too, cost more when they have several.
        """
        cores = SERVER_CORE, LOAD_CORE
        with ExitStack() as stack:
            servers = {
                str(workers): stack.enter_context(site.run(OURS, workers=workers, cores=cores))
                for workers in (1, 2)
            }
            for workload in asked:
                # In turn, for the machine is not equally fast all the time.
                turns = [
                    {name: self._measure(site, one, workload) for name, one in servers.items()}
                    for _ in range(self.rounds)
                ]
                found = {n: asdict(median(turn[n] for turn in turns)) for n in servers}
                self._keep("workers", site, workload=workload.name, **found)

    def count(self, site: Site, peers: list[Peer], asked: list[Workload]) -> None:
        """Count the instructions of a request."""
        for peer in peers:
            for workload, count in count_instructions(site, peer, asked):
                self._keep(
                    "instructions",
                    site,
                    peer=peer.name,
                    workload=workload.name,
                    instructions=count,
                )

    def _measure(self, site: Site, server: Server, workload: Workload) -> Measurement:
        kept = site.artifacts()
        seconds = max(self.seconds, FILE_SECONDS) if workload.moves_file else self.seconds
        measured = measure(server, workload, site.facts.key, site.folder, seconds=seconds)
        # Thousands of uploads would fill the disk.
        for path in site.artifacts() - kept:
            path.unlink()
        return measured

    def _keep(self, kind: str, site: Site, **row: Any) -> None:
        self.results[kind].append({"database": site.database, **row})
        shown = {name: value for name, value in row.items() if name != "rounds"}
        print(kind, site.database, shown, flush=True)


if __name__ == "__main__":
    typer.run(main)
