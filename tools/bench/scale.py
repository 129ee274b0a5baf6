"""`python -m tools.bench.scale`: latency with a million projects, beside that with a thousand.

One connection, so that a figure is the time of a request that waits for no other.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.bench.load import Measurement, measure, median
from tools.bench.machine import describe_machine
from tools.bench.report import DATABASES, table
from tools.bench.seed import Facts
from tools.bench.servers import OURS, ROOT
from tools.bench.sites import Size, sites
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
    yield Question(listing("search_common", "search, one in 25", "search=fraud"))
    yield Question(listing("search_rare", "search, one of few", "search=ranking+830"))
    yield Question(listing("search_nothing", "search, nothing found", "search=nowhere"))
    # The last page: there is no farther one among a thousand.
    offset = min(FARTHEST, facts.owned - 50)
    yield Question(listing("offset", "list, last page", f"offset={offset}"), 4.0)
    members = f"/api/projects/{facts.members}/members?limit=100"
    yield Question(Workload("members", "100 of 200 members", [Request("GET", members)]))
    timeline = f"/api/projects/{facts.long_timeline}/timeline"
    yield Question(Workload("timeline", "500 events", [Request("GET", timeline)]))


def main(
    *,
    databases: Annotated[str, typer.Option(help="Commas between.")] = "sqlite,postgresql",
    projects: Annotated[int, typer.Option(help="Of the large database.")] = LARGE.projects,
    events: Annotated[int, typer.Option(help="Of its longest timeline.")] = LARGE.events,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of one measurement.")] = 2.0,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = ROOT / "docs/benchmarks",
) -> None:
    """Measure both sizes in turn, and write a table and all figures."""
    parts = ["# Scale"]
    results: dict[str, Any] = {"machine": describe_machine(), "projects": projects}
    for database in databases.split(","):
        large = replace(LARGE, projects=projects, events=events)
        rows = _compare(database, large, rounds, seconds)
        results[database] = rows
        parts += [f"## {DATABASES[database]}", _table(rows, projects)]
    output.mkdir(parents=True, exist_ok=True)
    (output / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
    (output / "scale.md").write_text("\n\n".join([*parts, HOW]) + "\n")
    print(f"Written to {output}.")


HOW = """\
Written by `make bench-scale`. Median latency over one connection. With a thousand projects all are
the caller's and the longest timeline has 1,000 events; with a million, 10,000 are the caller's and
the timeline has 100,000 events. A page has 50 projects, 100 members or 500 events at both sizes."""


def _compare(database: str, large: Size, rounds: int, seconds: float) -> list[dict[str, Any]]:
    rows = []
    with ExitStack() as stack:
        both = stack.enter_context(sites(database, SMALL, large))
        servers = [stack.enter_context(site.run(OURS)) for site in both]
        for pair in zip(*(questions(site.facts) for site in both), strict=True):
            found: list[list[Measurement]] = [[] for _ in both]
            for _ in range(rounds):
                for site, server, question, runs in zip(both, servers, pair, found, strict=True):
                    runs.append(
                        measure(
                            server,
                            question.workload,
                            site.facts.key,
                            site.folder,
                            seconds=seconds,
                            connections=1,
                        )
                    )
            few, many = (median(runs).median_milliseconds for runs in found)
            title, most = pair[0].workload.title, pair[0].most
            rows.append({"question": title, "small": few, "large": many, "most": most})
            print(database, rows[-1], flush=True)
    return rows


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
