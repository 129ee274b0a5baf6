"""Tables written in the other format; runs only in a reader process."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

from projects_api.server.tables.engine import (
    COLUMNS_PER_PASS,
    MISSING,
    Table,
    csv_options,
    file_literal,
    list_literal,
    literal,
    quoted_name,
)
from projects_api.server.tables.text import Dialect

MAX_CELLS_PER_ROW_GROUP = 8_000_000
TYPES = ("BOOLEAN", "BIGINT", "HUGEINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR")
ISO_DATE = "%Y-%m-%d"


def write_parquet(
    connection: duckdb.DuckDBPyConnection, table: Table, types: Sequence[str], target: Path
) -> int:
    """Write a CSV table as Parquet with Zstandard, rows in their order; return their number.

    A value that is not of its column's type is one of the markers of a missing value.
    """
    # DuckDB 2.0 moves a bare TRY_CAST into its CSV reader, which then leaves out the rows where
    # it fails. It leaves a cast of an expression where it is; what is cast has no outer spaces
    # that count.
    if len(types) > COLUMNS_PER_PASS:
        connection.execute("SET threads = 1")
    columns = ", ".join(
        (f"c{index}" if kind == "VARCHAR" else f"try_cast(trim(c{index}) AS {kind})")
        + f" AS {quoted_name(name)}"
        for index, (kind, name) in enumerate(zip(types, unique_names(table.names), strict=True))
    )
    group = max(2048, min(122_880, MAX_CELLS_PER_ROW_GROUP // len(types)))
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}"
    return _copy(connection, f"SELECT {columns} FROM {table.scan}", target, options)


def write_csv(connection: duckdb.DuckDBPyConnection, table: Table, target: Path) -> int:
    """Write a table as CSV: UTF-8, commas, header, rows in their order; return their number."""
    columns = ", ".join(
        f"c{index} AS {quoted_name(name)}" for index, name in enumerate(unique_names(table.names))
    )
    options = "FORMAT csv, HEADER true, DELIMITER ','"
    return _copy(connection, f"SELECT {columns} FROM {table.scan}", target, options)


def csv_types(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, *, header: bool
) -> list[str]:
    """Find the SQL types of a CSV file's columns from all of its rows.

    What a type would not keep stays text: days and months in an order that has to be guessed,
    and integers of more than 64 bits.
    """
    candidates = list_literal(TYPES)
    row = connection.execute(
        "SELECT Columns, DateFormat, TimestampFormat "
        f"FROM sniff_csv({file_literal(path)}, {csv_options(dialect)}, header = {header}, "
        f"sample_size = -1, nullstr = {list_literal(MISSING)}, auto_type_candidates = {candidates})"
    ).fetchone()
    assert row is not None
    columns, date_format, timestamp_format = row
    text = {"HUGEINT"}
    if date_format not in {None, ISO_DATE}:
        text.add("DATE")
    if timestamp_format is not None and not timestamp_format.startswith(ISO_DATE):
        text.add("TIMESTAMP")
    return ["VARCHAR" if column["type"] in text else column["type"] for column in columns]


def unique_names(names: Sequence[str]) -> list[str]:
    """Name columns apart, whatever the case of letters: `column_3` for none, else `name_2`."""
    numbers: Counter[str] = Counter()
    given = {name.lower() for name in names}
    used: set[str] = set()
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        base = candidate = name if name.strip() else f"column_{position}"
        while candidate.lower() in used or (candidate != name and candidate.lower() in given):
            numbers[base.lower()] += 1
            candidate = f"{base}_{numbers[base.lower()] + 1}"
        used.add(candidate.lower())
        unique.append(candidate)
    return unique


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    # The caller decides what becomes of a target that was not finished.
    row = connection.execute(
        f"COPY ({query}) TO {literal(str(target))} ({options}, USE_TMP_FILE false)"
    ).fetchone()
    assert row is not None
    return int(row[0])
