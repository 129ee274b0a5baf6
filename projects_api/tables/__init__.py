"""Tables: what an uploaded CSV or Parquet file holds, and how to turn one into the other.

All reading is done in processes of their own (`pool`), so that neither the size of a table
nor a hostile file costs the server memory or its life. Importing this starts nothing; the first
call starts a process, which stays warm for the next ones.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from projects_api.processes.turns import Turns
from projects_api.tables.facts import (
    MAX_CELLS,
    MEDIA_TYPES,
    NotATable,
    Said,
    TableFacts,
    TableFormat,
)
from projects_api.tables.pool import ReaderPool, TableReaderError

__all__ = [
    "MEDIA_TYPES",
    "NotATable",
    "Said",
    "TableFacts",
    "TableFormat",
    "TableReaderError",
    "convert_table",
    "describe_table",
    "inspect_table",
    "limit_cells",
    "preview_table",
    "reader_turns",
]

READERS = 2
_readers = ReaderPool(READERS)
# Apart, so that an upload never waits until tables are described.
_describers = ReaderPool(1)
_limits = {"max_cells": MAX_CELLS}


def limit_cells(most: int) -> None:
    """Let `inspect_table` refuse Parquet files of more cells in this process from now on."""
    _limits["max_cells"] = most


def reader_turns() -> Turns:
    """Return who has a file read now, and who waits for it."""
    return _readers.turns


def inspect_table(path: Path, said: Said | None = None, *, asker: str = "") -> TableFacts:
    """Read a whole file and tell what table it holds; its content counts, not its name.

    `said` are the fields of the contract's form, by which its sender decides how a CSV is read;
    docs/tables.md tells how that is found otherwise, and what is refused. `quality.judge` documents
    the score.

    Safe to call from several threads; two files are read at once, others wait, and those of each
    `asker` take turns with those of others. QueueFull is raised where too many wait. A CSV file
    that is not plain UTF-8 needs room beside it for a copy.

    Raises NotATable with a reason for the sender, also when reading takes too much time or
    memory; TableReaderError for faults that are the server's, a file that is not there included.
    """
    with _scratch_beside(path) as scratch:
        paths = {"source": path, **scratch}
        given = dict(said or {})
        return TableFacts(**_readers.perform("inspect", paths, asker, given=given, **_limits))


def describe_table(path: Path, dialect: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the statistics of a table that was inspected, as plain JSON.

    `dialect` is `TableFacts.dialect`. The names and types of columns are those of the table as
    Parquet (`convert_table`). `columns`, `distributions` and `correlations` are as the contract
    shows them; `description` documents their bounds. One table is described at a time, others
    wait; a CSV file needs room beside it for a copy as Parquet.

    Raises as `inspect_table` does.
    """
    with _scratch_beside(path) as scratch:
        paths = {"source": path, **scratch}
        found: dict[str, Any] = _describers.perform("describe", paths, dialect=dict(dialect))
        return found


def preview_table(
    path: Path, dialect: Mapping[str, Any], limit: int, *, asker: str = ""
) -> dict[str, Any]:
    """Read the first rows of a table that was inspected, as plain JSON.

    `dialect` is `TableFacts.dialect`; `conversion` has the bounds. Raises as `inspect_table`.
    """
    with _scratch_beside(path) as scratch:
        paths = {"source": path, **scratch}
        given = {"dialect": dict(dialect), "limit": limit}
        found: dict[str, Any] = _readers.perform("preview", paths, asker, **given)
        return found


def convert_table(
    source: Path,
    dialect: Mapping[str, Any],
    target_format: TableFormat,
    target: Path,
    *,
    asker: str = "",
) -> None:
    """Write a table that was inspected to `target`, which is replaced; rows keep their order.

    `dialect` is `TableFacts.dialect` of the source. CSV is written in UTF-8 with commas and a
    header line, Parquet with the types that the inspection found. Nested and binary values of
    Parquet are text in CSV.

    Raises as `inspect_table` does; `target` is gone then.
    """
    paths = {"source": source, "target": target}
    with _scratch_beside(target) as scratch:
        try:
            _readers.perform(
                "convert",
                {**paths, "scratch": scratch["scratch"]},
                asker,
                target_format=target_format,
                dialect=dict(dialect),
            )
        except BaseException:
            target.unlink(missing_ok=True)
            raise


@contextmanager
def _scratch_beside(path: Path) -> Iterator[dict[str, Path]]:
    """Name files for a reader, which cannot be trusted to live until it has removed them.

    Beside a spooled file they are spooled files too, which are removed after a crash.
    """
    stem = f"{path.stem}-{uuid4().hex}"
    scratch = {name: path.with_name(f"{stem}-{name}{path.suffix}") for name in ("scratch", "part")}
    try:
        yield scratch
    finally:
        for file in scratch.values():
            file.unlink(missing_ok=True)
