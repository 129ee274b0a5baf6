"""`python -m tools.bench.scale`: latency with a million projects, beside that with a thousand.

One client that asks the two servers in turn, request by request, so that whatever else the machine
does slows both.
"""

import http.client
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.bench.machine import describe_machine
from tools.bench.report import DATABASES, table
from tools.bench.seed import Facts
from tools.bench.servers import OURS, ROOT, Server
from tools.bench.sites import Site, Size, sites
from tools.bench.workloads import Request, Workload, listing

SMALL = Size(export_bytes=10**6)
LARGE = Size(projects=1_000_000, events=100_000, export_bytes=10**6)
FARTHEST = 9_950


@dataclass(frozen=True)
class Question:
    """What is asked at both sizes, and how much slower the large one may be."""

    workload: Workload
    most: float = 2.0


def questions(facts: Facts) -> Iterator[Question]:
    """Give everything that has to stay fast."""
    project = f"/api/projects/{facts.projects[0]}"
    yield Question(Workload("get", "get a project", [Request("GET", project)]))
    for field in ("created_at", "name", "dataset_count", "model_count", "experiment_count"):
        for direction in ("desc", "asc"):
            query = f"sort_field={field}&sort_direction={direction}"
            yield Question(listing(f"{field}_{direction}", f"list by {field}, {direction}", query))
    # A search goes through each of the caller's projects, of which there are ten times as many.
    for name, title, wanted in (
        ("all", "found in all", "department"),
        ("short", "two characters", "zz"),
        ("common", "one in 25", "fraud"),
        ("rare", "one of few", "ranking+830"),
        ("nothing", "nothing found", "nowhere"),
    ):
        yield Question(listing(f"search_{name}", f"search, {title}", f"search={wanted}"), 10.0)
    # The last page: there is no farther one among a thousand.
    offset = min(FARTHEST, facts.owned - 50)
    yield Question(listing("offset", "list, last page", f"offset={offset}"), 4.0)
    members = f"/api/projects/{facts.members}/members?limit=100"
    yield Question(Workload("members", "100 of 200 members", [Request("GET", members)]))
    timeline = f"/api/projects/{facts.long_timeline}/timeline"
    yield Question(Workload("timeline", "500 events", [Request("GET", timeline)]))
    offset = min(FARTHEST, facts.events - 500)
    far = f"{timeline}?offset={offset}"
    yield Question(Workload("timeline_far", "500 events, far on", [Request("GET", far)]), 4.0)


def main(
    *,
    databases: Annotated[str, typer.Option(help="Commas between.")] = "sqlite,postgresql",
    projects: Annotated[int, typer.Option(help="Of the large database.")] = LARGE.projects,
    events: Annotated[int, typer.Option(help="Of its longest timeline.")] = LARGE.events,
    repeats: Annotated[int, typer.Option(min=1, help="Of each request.")] = 200,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = ROOT / "docs/benchmarks",
) -> None:
    """Measure both sizes in turn, and write a table and all figures."""
    parts = ["# Scale"]
    results: dict[str, Any] = {"machine": describe_machine(), "projects": projects}
    for database in databases.split(","):
        large = replace(LARGE, projects=projects, events=events)
        rows = _compare(database, large, repeats)
        results[database] = rows
        parts += [f"## {DATABASES[database]}", _table(rows, projects)]
    output.mkdir(parents=True, exist_ok=True)
    (output / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
    (output / "scale.md").write_text("\n\n".join([*parts, HOW.format(repeats=repeats)]) + "\n")
    print(f"Written to {output}.")


HOW = """\
Written by `make bench-scale`. Median latency of {repeats} requests of one client, which asks both
servers in turn. With a thousand projects all are the caller's and the longest timeline has 1,000
events; with a million, 10,000 are the caller's and the timeline has 100,000 events. A page has 50
projects, 100 members or 500 events at both sizes. The last page begins at 950 or 9,950; far on in
the timeline is 500 or 9,950. What may take ten times as long goes through each of the caller's
projects."""


def _compare(database: str, large: Size, repeats: int) -> list[dict[str, Any]]:
    rows = []
    with ExitStack() as stack:
        both = stack.enter_context(sites(database, SMALL, large))
        servers = [stack.enter_context(site.run(OURS)) for site in both]
        askers = [_Asker(site, server) for site, server in zip(both, servers, strict=True)]
        for pair in zip(*(questions(site.facts) for site in both), strict=True):
            found: list[list[float]] = [[] for _ in both]
            for _ in range(repeats):
                for asker, question, times in zip(askers, pair, found, strict=True):
                    times.append(asker.ask(question.workload.requests[0]))
            few, many = (statistics.median(times) * 1000 for times in found)
            title, most = pair[0].workload.title, pair[0].most
            rows.append({"question": title, "small": few, "large": many, "most": most})
            print(database, rows[-1], flush=True)
    return rows


class _Asker:
    """A connection to a server, as the caller."""

    def __init__(self, site: Site, server: Server) -> None:
        self._headers = {"Authorization": f"Bearer {site.facts.key}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def ask(self, request: Request) -> float:
        """Send a request and read the answer; give the seconds that it took."""
        began = time.perf_counter()
        self._connection.request(request.method, request.path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{request.path}: {answer.status} {body!r}")
        return took


def _table(rows: list[dict[str, Any]], projects: int) -> str:
    head = ["", "1,000 projects, ms", f"{projects:,} projects, ms", "ratio", "at most", "reached"]
    lines = []
    for row in rows:
        ratio = row["large"] / row["small"]
        reached = "yes" if ratio <= row["most"] else "**no**"
        figures = [f"{row['small']:.2f}", f"{row['large']:.2f}", f"{ratio:.2f}"]
        lines.append([row["question"], *figures, f"{row['most']:g}", reached])
    return table(head, lines)


if __name__ == "__main__":
    typer.run(main)
