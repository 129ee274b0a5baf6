"""The results as a page with tables, and as a plot.

`python -m tools.bench.report` writes both again from `docs/benchmarks/results.json`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.bench.servers import OURS, PEERS, ROOT

Results = dict[str, Any]
READS = ("get", "list_10", "list_50", "search", "timeline")
WRITES = ("update", "member_add", "create")
FILES = ("upload", "export")
PLOTTED = ("get", "list_50", "search", "timeline", "update", "create")
TITLES = {peer.name: peer.title for peer in PEERS}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Bar:
    """A ratio that this server has to reach."""

    database: str
    workload: str
    peer: str
    wanted: float
    figure: str = "requests_per_second"

    @property
    def text(self) -> str:
        """Say it in words."""
        sign = "≥" if self.figure == "requests_per_second" else "≤"
        what = "" if self.figure == "requests_per_second" else " 99th percentile"
        return f"{self.workload}{what} {sign} {self.wanted} of {TITLES[self.peer]}"

    def ratio(self, results: Results) -> float | None:
        """Return the ratio that was measured, if it was."""
        ours = figure(results, self.database, OURS.name, self.workload, self.figure)
        other = figure(results, self.database, self.peer, self.workload, self.figure)
        return ours / other if ours and other else None

    def holds(self, ratio: float) -> bool:
        """Return whether a ratio is good enough."""
        least = self.figure == "requests_per_second"
        return ratio >= self.wanted if least else ratio <= self.wanted


BARS = [
    Bar("sqlite", "get", "fastapi", 4),
    Bar("sqlite", "list_50", "fastapi", 5),
    Bar("sqlite", "create", "fastapi", 2),
    Bar("sqlite", "update", "fastapi", 2),
    *(Bar("sqlite", read, peer, 10) for peer in ("connexion", "connexion-core") for read in READS),
    *(
        Bar(database, name, "litestar", 1.15)
        for database in DATABASES
        for name in (*READS, *WRITES, *FILES)
    ),
    *(Bar(database, read, "floor", 0.7) for database in DATABASES for read in ("get", "list_10")),
    *(Bar("sqlite", read, "fastapi", 0.5, "p99_milliseconds") for read in ("get", "list_50")),
    *(Bar("sqlite", name, "floor", 0.8) for name in FILES),
    *(Bar("postgresql", read, "fastapi", 2.5) for read in ("get", "list_10", "list_50")),
    *(Bar("postgresql", read, "fastapi", 0.5, "p99_milliseconds") for read in ("get", "list_50")),
]


REASONS = {
    **dict.fromkeys(
        (("litestar", name) for name in FILES),
        "All share the reading of tables and the writing of archives: the rest is little.",
    ),
    **dict.fromkeys(
        (("litestar", name) for name in WRITES),
        "A change has an entry of the audit log here: one statement more.",
    ),
    **dict.fromkeys(
        (("litestar", name) for name in READS), "The shared query and its rows take most of it."
    ),
    **dict.fromkeys((("floor", name) for name in READS), "It checks, counts and logs nothing."),
    ("floor", "upload"): "It copies bytes; here each cell is read and each column described.",
    **dict.fromkeys(
        (("connexion-core", name) for name in READS), "It has this project's queries, too."
    ),
}
"""Why a ratio is not reached, by peer and workload."""


def figure(results: Results, database: str, peer: str, workload: str, name: str) -> float | None:
    """Find a median, if it was measured."""
    for row in results["measurements"]:
        if (row["database"], row["peer"], row["workload"]) == (database, peer, workload):
            found: float = row["median"][name]
            return found
    return None


def write_report(results: Results, folder: Path) -> None:
    """Write `README.md`, `benchmark.svg` and `benchmark.png` into the folder."""
    _plot(results, folder)
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    way = f"{results['rounds']} interleaved rounds of {results['seconds']:g} s each"
    parts = [
        "# Benchmarks",
        f"Written by `make bench`. {machine}.",
        f"Medians of {way}; `results.json` has every round.",
        HOW,
        "![Requests per second](benchmark.svg)",
    ]
    for database in _databases(results):
        parts += [
            f"## {DATABASES[database]}: requests per second",
            _table_of(results, database, "requests_per_second", _with_ratio),
            f"## {DATABASES[database]}: 99th percentile, milliseconds",
            _table_of(results, database, "p99_milliseconds", lambda value, _: f"{value:,.1f}"),
            f"## {DATABASES[database]}: processor time of a request, microseconds",
            _table_of(results, database, "cpu_microseconds", lambda value, _: f"{value:,.0f}"),
        ]
    parts += ["## Start and memory", _starts(results)]
    if results["instructions"]:
        parts += ["## Instructions of a request, thousands", f"Counted on {results['counted']}."]
        parts += [_instructions(results)]
    if results["workers"]:
        parts += ["## Processor time of a request with two server processes", BOTH]
        parts += [_workers(results)]
    parts += ["## What is aimed at", _bars(results)]
    (folder / "README.md").write_text("\n\n".join(parts) + "\n")


HOW = """\
One server is measured at a time, on a core of its own; the load (`wrk`, 16 connections, 2 for
files) and PostgreSQL are on another. All servers work on the same database and artifacts, with
1,000 projects, and gave the same answers before anything was timed. They run on uvicorn with
httptools, the others on uvloop too, which saves them some 5 % of a get; this server writes its
access log, the others write none. SQLite syncs every commit to disk (WAL, `synchronous=FULL`) for
all of them. FastAPI and Connexion with SQLModel share tables and queries, written as SQLModel's
documentation teaches. Litestar and the other Connexion, which tells what is Connexion's own part,
use this project's queries, in transactions of SQLAlchemy's pool, and all but the floor its
functions for the content of uploads and exports, so that only the rest differs. To that belong the
group commit of SQLite and the kept connections of PostgreSQL, with the statements that they prepare
and send together. The floor's upload only copies bytes, and so does its export, from a store that
compares their SHA-256. In brackets: how many times as many requests this server answers."""


BOTH = """\
Both may use both cores, as the load and PostgreSQL do here. One process on a core of its own, as in
the tables above, needs less."""


def _with_ratio(value: float, ours: float | None) -> str:
    text = f"{value:,.0f}" if value >= 10 else f"{value:,.2f}"  # noqa: PLR2004 - two digits at least
    return f"{text} ({ours / value:.2f})" if ours is not None else text


def _table_of(
    results: Results, database: str, name: str, write: Callable[[float, float | None], str]
) -> str:
    peers = _peers(results, database)
    titles = {row["workload"]: row["title"] for row in results["measurements"]}
    rows = []
    for workload, title in titles.items():
        ours = figure(results, database, OURS.name, workload, name)
        cells = []
        for peer in peers:
            value = figure(results, database, peer, workload, name)
            other = None if peer == OURS.name else ours
            cells.append("" if value is None else write(value, other))
        rows.append([title, *cells])
    return table(["", *(TITLES[peer] for peer in peers)], rows)


def _starts(results: Results) -> str:
    rows = [
        [
            DATABASES[row["database"]],
            TITLES[row["peer"]],
            f"{row['seconds']:.2f}",
            f"{row['memory_bytes'] / 2**20:.0f}",
        ]
        for row in results["starts"]
    ]
    return table(["", "", "first answer after, s", "idle memory, MiB"], rows)


def _instructions(results: Results) -> str:
    rows = [
        [
            DATABASES[row["database"]],
            TITLES[row["peer"]],
            row["workload"],
            f"{row['instructions'] / 1000:,.0f}",
        ]
        for row in results["instructions"]
    ]
    return table(["", "", "", "thousands"], rows)


def _workers(results: Results) -> str:
    rows = []
    for row in results["workers"]:
        one, two = (row[workers]["cpu_microseconds"] for workers in ("1", "2"))
        ratio = f"{two / one:.2f}"
        rows.append(
            [DATABASES[row["database"]], row["workload"], f"{one:.0f}", f"{two:.0f}", ratio]
        )
    return table(["", "", "one process, µs", "two processes, µs", "ratio (≤ 1.15)"], rows)


def _bars(results: Results) -> str:
    rows = []
    for bar in BARS:
        ratio = bar.ratio(results)
        if ratio is not None:
            holds = bar.holds(ratio)
            reason = "" if holds else REASONS.get((bar.peer, bar.workload), "")
            verdict = "yes" if holds else "**no**"
            rows.append([DATABASES[bar.database], bar.text, f"{ratio:.2f}", verdict, reason])
    return table(["", "", "measured", "reached", "why not"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown, numbers to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plot(results: Results, folder: Path) -> None:
    databases = _databases(results)
    titles = {row["workload"]: row["title"] for row in results["measurements"]}
    shown = [workload for workload in titles if workload in PLOTTED] or list(titles)
    drawing = Figure(figsize=(5 * len(databases), 0.4 + 1.6 * len(shown)))
    FigureCanvasAgg(drawing)
    grid = drawing.subplots(len(shown), len(databases), squeeze=False)
    for axes_of_row, workload in zip(grid, shown, strict=True):
        for axes, database in zip(axes_of_row, databases, strict=True):
            peers = _peers(results, database)[::-1]
            values = [
                figure(results, database, peer, workload, "requests_per_second") or 0
                for peer in peers
            ]
            colours = ["tab:blue" if peer == OURS.name else "lightgrey" for peer in peers]
            bars = axes.barh([TITLES[peer] for peer in peers], values, color=colours)
            axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=2, fontsize=8)
            axes.set_title(f"{titles[workload]}, {DATABASES[database]}", fontsize=9)
            axes.set_xlim(0, 1.3 * max(values))
            axes.set_xticks([])
            axes.tick_params(labelsize=8, labelleft=axes is axes_of_row[0])
            axes.spines[["top", "right", "bottom"]].set_visible(False)
    drawing.suptitle("Requests per second on one core")
    drawing.tight_layout()
    for kind in ("svg", "png"):
        drawing.savefig(folder / f"benchmark.{kind}", dpi=120)


def _databases(results: Results) -> list[str]:
    return list(dict.fromkeys(row["database"] for row in results["measurements"]))


def _peers(results: Results, database: str) -> list[str]:
    rows = results["measurements"]
    return list(dict.fromkeys(row["peer"] for row in rows if row["database"] == database))


if __name__ == "__main__":
    place = ROOT / "docs/benchmarks"
    write_report(json.loads((place / "results.json").read_text()), place)
