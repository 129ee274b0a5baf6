"""Measure how good the models are, and write docs/quality.md.

`SEEDS` (10), `SECONDS` (60) and `TABLES` (names or numbers, with commas between; all) make it
smaller. What was measured is kept in build/quality.jsonl, one line each, so that a run that was
broken off goes on where it was; another number of seconds begins anew.
"""

import datetime as dt
import json
import os
import platform
import time
import warnings
from pathlib import Path

from tools.quality.methods import METHODS, MODELS, answer, split
from tools.quality.page import write
from tools.quality.tables import TABLES, Table

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "quality.jsonl"
_FULL_SEEDS, _FULL_SECONDS = 10, 60


def main() -> None:
    """Measure what is not kept yet, and write the page."""
    warnings.simplefilter("ignore")
    # What many a shell has by this name says how long the shell runs, and is not exported.
    seconds = float(os.environ.get("SECONDS", _FULL_SECONDS))
    seeds = range(int(os.environ.get("SEEDS", _FULL_SEEDS)))
    tables = chosen(os.environ.get("TABLES", ""))
    KEPT.parent.mkdir(exist_ok=True)
    kept = {
        (one["table"], one["method"], one["seed"]): one["value"]
        for one in map(json.loads, KEPT.read_text().splitlines() if KEPT.exists() else ())
        if one["seconds"] == seconds
    }
    measured: dict[tuple[str, str], list[float]] = {}
    metrics = {}
    for table in tables:
        for seed in seeds:
            of = split(table, seed)
            metrics[table.name] = of.metric
            for method in METHODS:
                key = (table.name, method, seed)
                if key not in kept:
                    begun = time.monotonic()
                    kept[key] = of.measure(answer(method, of, seconds))
                    taken = time.monotonic() - begun
                    print(f"{table.name}, seed {seed}, {method}: {kept[key]:.5g} in {taken:.0f} s")
                    line = dict(zip(("table", "method", "seed"), key, strict=True))
                    with KEPT.open("a") as file:
                        file.write(json.dumps({**line, "seconds": seconds, "value": kept[key]}))
                        file.write("\n")
                measured.setdefault((table.name, method), []).append(kept[key])
    write(measured, metrics, told(len(tables), len(seeds), seconds), ROOT / "docs")


def chosen(names: str) -> list[Table]:
    """Find tables by their names or numbers, from 1; all of them where none is named."""
    wanted = [one.strip() for one in names.split(",") if one.strip()]
    found = [
        table
        for number, table in enumerate(TABLES, start=1)
        if not wanted or table.name in wanted or str(number) in wanted
    ]
    if len(found) < len(wanted):
        raise SystemExit(f"TABLES: there are {', '.join(one.name for one in TABLES)}")
    return found


def told(tables: int, seeds: int, seconds: float) -> str:
    """Say when, where and how much was measured."""
    is_whole = tables == len(TABLES) and seeds >= _FULL_SEEDS and seconds >= _FULL_SECONDS
    kind = "All was measured" if is_whole else "**A sample, not the whole:** measured"
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()})"
    return (
        f"{kind} on {today}, on {machine}:\n{tables} of {len(TABLES)} tables, {seeds} seed"
        f"{'' if seeds == 1 else 's'}, {MODELS} models in {seconds:g} s."
    )


if __name__ == "__main__":
    main()
