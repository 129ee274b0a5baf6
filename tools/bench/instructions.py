"""Instructions that a request costs, counted by valgrind, which no other load can disturb."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx

from tools.bench.servers import Peer, Server
from tools.bench.sites import Site
from tools.bench.workloads import Workload

WARM_UP = 200
COUNTED = 50


def count_instructions(
    site: Site, peer: Peer, workloads: Iterable[Workload]
) -> Iterator[tuple[Workload, int]]:
    """Return the instructions of one request of each workload, all threads together."""
    profile = site.folder / f"{peer.name}.callgrind"
    wrapper = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet"]
    wrapper.append(f"--callgrind-out-file={profile}")
    with site.run(peer, wrapper=wrapper) as server:
        for part, workload in enumerate(workloads, start=1):
            _send(server, workload, site.facts.key, WARM_UP)
            _control(server, "--instr=on")
            _send(server, workload, site.facts.key, COUNTED)
            _control(server, "--dump")
            _control(server, "--instr=off")
            text = Path(f"{profile}.{part}").read_text()
            found = re.search(r"^totals: (\d+)", text, re.MULTILINE)
            assert found, "callgrind says how many instructions it counted"
            yield workload, int(found[1]) // COUNTED


def _send(server: Server, workload: Workload, key: str, times: int) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=300) as client:
        for number in range(times):
            request = workload.requests[number % len(workload.requests)]
            client.request(request.method, request.path).raise_for_status()


def _control(server: Server, command: str) -> None:
    pid = str(server.process.pid)
    subprocess.run(["callgrind_control", command, pid], check=True, capture_output=True)
