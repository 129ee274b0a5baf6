"""Tables written in the other format; runs only in a reader process."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Sequence
from pathlib import Path

import duckdb

from projects_api.server.tables.column import typed_column
from projects_api.server.tables.engine import (
    COLUMNS_PER_PASS,
    MISSING,
    THREADS,
    Table,
    column_types,
    csv_options,
    csv_table,
    file_literal,
    list_literal,
    literal,
    quoted_name,
)
from projects_api.server.tables.names import unique_names
from projects_api.server.tables.text import Dialect

MAX_CELLS_PER_ROW_GROUP = 8_000_000
TYPES = ("BOOLEAN", "BIGINT", "HUGEINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR")
ISO_DATE = "%Y-%m-%d"
DECIMAL_COMMA = "DOUBLE with a decimal comma"
# What all values of a type must look like; DuckDB takes yes and no for booleans, too.
SPELLINGS = {
    "BOOLEAN": "(?i)true|false",
    DECIMAL_COMMA: r"[-+]?(0|[1-9]\d{0,14})(,\d{1,15})?",
}


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
        f"{_cast(f'c{index}', kind)} AS {quoted_name(name)}"
        for index, (kind, name) in enumerate(zip(types, unique_names(table.names), strict=True))
    )
    group = max(2048, min(122_880, MAX_CELLS_PER_ROW_GROUP // len(types)))
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}"
    rows = _copy(connection, f"SELECT {columns} FROM {table.scan}", target, options)
    connection.execute(f"SET threads = {THREADS}")  # for the next one to use the database
    return rows


def _cast(column: str, kind: str) -> str:
    if kind == "VARCHAR":
        return column
    if kind == DECIMAL_COMMA:
        return f"try_cast(replace(trim({column}), ',', '.') AS DOUBLE)"
    return f"try_cast(trim({column}) AS {kind})"


def write_csv(connection: duckdb.DuckDBPyConnection, table: Table, target: Path) -> int:
    """Write a table as CSV: UTF-8, commas, header, rows in their order; return their number.

    A missing value of a single column is `""`, for a blank line is no row; texts of a single
    column are quoted, for what is in them could pass for a delimiter.
    """
    cells = [f"CAST(c{index} AS VARCHAR)" for index in range(len(table.names))]
    options = "FORMAT csv, HEADER false, DELIMITER ','"
    if len(cells) == 1:
        options += ", FORCE_QUOTE *" if _holds_text(connection, table) else ""
        cells = [f"coalesce({cells[0]}, '')"]
    # As a row, for DuckDB renames columns whose names differ only in case.
    header = f"SELECT {', '.join(map(literal, table.unique_names))}"
    rows = f"SELECT {', '.join(cells)} FROM {table.scan}"
    return _copy(connection, f"{header} UNION ALL {rows}", target, options) - 1


def _holds_text(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    (kind,) = column_types(connection, table)
    return typed_column("", kind, "").type in {"text", "other"}


def csv_types(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, *, header: bool
) -> list[str]:
    """Find the SQL types of a CSV file's columns from all of its rows.

    What a type would not keep stays text: days and months in an order that has to be guessed,
    integers of more than 64 bits, and yes and no. Numbers have a decimal comma where commas do not
    delimit. Moments without an offset are in UTC where others of the column have one.
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
    types = ["VARCHAR" if column["type"] in text else column["type"] for column in columns]
    if dialect.delimiter not in {",", None}:
        types = [DECIMAL_COMMA if kind == "VARCHAR" else kind for kind in types]
    marked = csv_table(path, dialect, header=header, marked=True)
    spelt = _well_spelt(connection, marked, types)
    return [
        "VARCHAR" if kind in SPELLINGS and place not in spelt else kind
        for place, kind in enumerate(types)
    ]


def _well_spelt(
    connection: duckdb.DuckDBPyConnection, table: Table, types: Sequence[str]
) -> set[int]:
    """Find the columns that have values, all of which are spelt as those of their type must be."""
    places = [place for place, kind in enumerate(types) if kind in SPELLINGS]
    found: set[int] = set()
    for start in range(0, len(places), COLUMNS_PER_PASS):
        cells = ", ".join(
            f"regexp_full_match(trim({table.values[place]}), {literal(SPELLINGS[types[place]])}) "
            f"AS c{place}"
            for place in places[start : start + COLUMNS_PER_PASS]
        )
        rows = connection.execute(
            f"SELECT name FROM (UNPIVOT (SELECT {cells} FROM {table.scan}) "
            "ON COLUMNS(*) INTO NAME name VALUE spelt) GROUP BY name HAVING bool_and(spelt)"
        ).fetchall()
        found |= {int(name[1:]) for (name,) in rows}
    return found


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    # The caller decides what becomes of a target that was not finished.
    row = connection.execute(
        f"COPY ({query}) TO {literal(str(target))} ({options}, USE_TMP_FILE false)"
    ).fetchone()
    assert row is not None
    return int(row[0])
