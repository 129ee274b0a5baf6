"""Processor time of reading a large CSV, beside DuckDB's own SUMMARIZE and COPY of it in one run.

Run `python -m tools.bench.tables [MEGABYTES]`; it writes docs/benchmarks/tables.md.
"""

import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from projects_api.tables import tasks
from projects_api.tables.engine import MEMORY_LIMIT, THREADS

REPORT = Path("docs/benchmarks/tables.md")
HEADER = "id,customer,amount,balance,ratio,age,score,country,channel,day,at,flag,remark\n"
MEGABYTES = 592


def rows(chance: random.Random) -> Iterator[str]:
    """Write rows of 13 columns without end."""
    number = 0
    while True:
        day = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
        yield (
            f"{number},{chance.randint(1, 200_000)},{chance.random() * 1000:.2f},"
            f"{chance.gauss(0, 1000):.4f},{chance.random():.6f},{chance.randint(18, 90)},"
            f"{'' if number % 13 == 0 else chance.randint(0, 100)},"
            f"{chance.choice(('DE', 'FR', 'IT', 'ES', 'NO'))},"
            f"{chance.choice(('web', 'shop', 'phone'))},{day},"
            f"{day} {number % 24:02}:{number % 60:02}:00,{'false' if number % 3 else 'true'},"
            f"order {number % 5000} of the year with some words {number * 7919 % 100_003}\n"
        )
        number += 1


def write_table(path: Path, megabytes: int) -> int:
    """Write a CSV of so many megabytes; return the number of its rows."""
    written, count = len(HEADER), 0
    with path.open("w") as file:
        file.write(HEADER)
        for row in rows(random.Random(3)):  # noqa: S311 - a table, and no secret
            written, count = written + file.write(row), count + 1
            if written >= megabytes * 10**6:
                return count
    raise AssertionError


def seconds(work: Callable[[], object]) -> float:
    """Measure the processor time of some work, of all its threads."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(folder: Path, megabytes: int) -> tuple[int, dict[str, float]]:
    """Measure everything once, in this process, with the threads and memory of a reader."""
    source, plain = folder / "table.csv", folder / "plain.parquet"
    count = write_table(source, megabytes)
    config: dict[str, Any] = {"threads": THREADS, "memory_limit": MEMORY_LIMIT}
    database = duckdb.connect(config=config)
    found: dict[str, Any] = {}

    def inspect() -> None:
        found.update(tasks.inspect(source, folder / "scratch", folder / "part", {}))

    took = {
        "SUMMARIZE": seconds(
            lambda: database.execute(f"SUMMARIZE FROM read_csv('{source}')").fetchall()
        ),
        "COPY": seconds(
            lambda: database.execute(
                f"COPY (FROM read_csv('{source}')) TO '{plain}' (COMPRESSION zstd)"
            ).fetchall()
        ),
        "upload": seconds(inspect),
    }
    dialect = {"rows": found["rows"], "names": found["names"], "written": found["written"]}
    dialect["encoding"] = found["reading"]["encoding"]
    target, scratch, part = (folder / name for name in ("target", "scratch", "part"))
    took["conversion"] = seconds(lambda: tasks.convert(source, scratch, target, "parquet", dialect))
    took["columns"] = seconds(lambda: tasks.describe(source, scratch, part, dialect))
    return count, took


def report(megabytes: int, count: int, took: dict[str, float]) -> str:
    """Write what was measured as a page."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    summarize, copy = took["SUMMARIZE"], took["COPY"]
    lines = [
        ("columns and analysis", took["columns"], "`SUMMARIZE`", summarize),
        ("conversion to Parquet", took["conversion"], "`COPY`", copy),
        ("reading at the upload", took["upload"], "`SUMMARIZE`", summarize),
    ]
    table = "\n".join(
        f"| {name} | {took:.1f} | {beside} | {other:.1f} | {took / other:.2f} |"
        for name, took, beside, other in lines
    )
    return f"""# Large tables

`make bench` wrote this page: a CSV of {megabytes} MB, {count:,} rows of 13 columns, read in one
process with {THREADS} threads and {MEMORY_LIMIT} for DuckDB, beside what DuckDB
{duckdb.__version__} takes for the same file in the same run. Columns and analysis are exact, and a
conversion is among them; `SUMMARIZE` estimates different values. The process took {peak:,} MiB.

| | processor time, s | beside | s | times as long |
| --- | ---: | --- | ---: | ---: |
{table}
"""


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    with TemporaryDirectory() as folder:
        REPORT.write_text(report(size, *measure(Path(folder), size)), encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"))
