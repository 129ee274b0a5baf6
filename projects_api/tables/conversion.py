"""Tables written in the other format, or their first rows as JSON; runs only in a reader."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb

from projects_api.tables import engine
from projects_api.tables.column import typed_column
from projects_api.tables.engine import (
    COLUMNS_PER_PASS,
    THREADS,
    Table,
    column_types,
    file_literal,
    literal,
    quoted_name,
)
from projects_api.tables.types import cast

MAX_CELLS_PER_ROW_GROUP = 8_000_000
WIDE_MEMORY_LIMIT = "3GB"
# As DuckDB writes them, which is not as ISO 8601 does.
IN_UTC = r"^(\d{4}-\d\d-\d\d) ([\d:.]+)\+00$"
FIRST_NANOSECOND = "1677-09-21 00:12:43.145224193"
LAST_NANOSECOND = "2262-04-11 23:47:16.854775807"

MAX_COLUMNS_SHOWN = 100
MAX_TEXT_CHARACTERS = 1000
LARGEST_EXACT = 2**53 - 1
"""Beyond it readers of JSON that keep numbers as floats would read another one."""
_NATIVE = {"boolean", "integer", "number"}


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    types: Sequence[str],
    present: Sequence[int],
    target: Path,
) -> int:
    """Write a CSV table as Parquet with Zstandard, rows in their order; return their number.

    `types` are those of `types.find_types`, `present` the numbers of the columns' values. Raises
    ValueError when one has another number of them then.
    """
    if len(types) > COLUMNS_PER_PASS:
        # DuckDB counts more for so many columns than it takes: half a gigabyte for 10,000.
        connection.execute(f"SET threads = 1; SET memory_limit = '{WIDE_MEMORY_LIMIT}'")
    columns = ", ".join(
        f"{cast(value, kind)} AS {quoted_name(name)}"
        for value, kind, name in zip(table.values, types, table.unique_names, strict=True)
    )
    group = max(2048, min(122_880, MAX_CELLS_PER_ROW_GROUP // len(types)))
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}"
    rows = _copy(connection, f"SELECT {columns} FROM {table.scan}", target, options)
    # For the next one to use the database.
    connection.execute(f"SET threads = {THREADS}; SET memory_limit = '{engine.MEMORY_LIMIT}'")
    written = connection.execute(
        "SELECT column_id, sum(num_values - stats_null_count)::BIGINT "
        f"FROM parquet_metadata({file_literal(target)}) GROUP BY column_id ORDER BY column_id"
    ).fetchall()
    lost = [table.names[place] for place, count in written if count != present[place]]
    if lost:
        raise ValueError(f"values were lost or made in the columns {lost[:10]}")
    return rows


def write_csv(connection: duckdb.DuckDBPyConnection, table: Table, target: Path) -> int:
    """Write a table as CSV: UTF-8, commas, header, rows in their order; return their number.

    A missing value of a single column is `""`, for a blank line is no row; texts of a single
    column are quoted, for what is in them could pass for a delimiter.
    """
    kinds = column_types(connection, table)
    cells = [_text(*one) for one in zip(table.values, kinds, strict=True)]
    options = "FORMAT csv, HEADER false, DELIMITER ','"
    if len(cells) == 1:
        options += ", FORCE_QUOTE *" if _holds_text(kinds[0]) else ""
        cells = [f"coalesce({cells[0]}, '')"]
    # As a row, for DuckDB renames columns whose names differ only in case.
    header = f"SELECT {', '.join(map(literal, table.unique_names))}"
    rows = f"SELECT {', '.join(cells)} FROM {table.scan}"
    return _copy(connection, f"{header} UNION ALL {rows}", target, options) - 1


def first_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, types: Sequence[str] | None, limit: int
) -> dict[str, Any]:
    """Read the first rows of a table's first columns; `types` are those found for a CSV's."""
    values = table.values[:MAX_COLUMNS_SHOWN]
    if types is not None:
        values = [cast(*one) for one in zip(values, types, strict=False)]
    typed = ", ".join(values)
    described = connection.execute(f"DESCRIBE SELECT {typed} FROM {table.scan}").fetchall()
    kinds = [str(row[1]) for row in described]
    names = table.unique_names[: len(values)]
    columns = [typed_column(*one) for one in zip(names, kinds, values, strict=True)]
    cells = [
        value if column.type in _NATIVE else _cut(value, kind)
        for column, value, kind in zip(columns, values, kinds, strict=True)
    ]
    rows = connection.execute(f"SELECT {', '.join(cells)} FROM {table.scan} LIMIT {limit:d}")
    return {
        "columns": [{"name": column.name, "type": column.type} for column in columns],
        "rows": [[_plain(value) for value in row] for row in rows.fetchall()],
    }


def _text(value: str, kind: str) -> str:
    text = f"CAST({value} AS VARCHAR)"
    if kind in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"}:
        return rf"regexp_replace({text}, '{IN_UTC}', '\1T\2Z')"
    if kind != "TIMESTAMP_NS":
        return text
    # What pandas has for the last and the first moment, DuckDB takes for infinities.
    return (
        f"CASE {text} WHEN 'infinity' THEN '{LAST_NANOSECOND}' "
        f"WHEN '-infinity' THEN '{FIRST_NANOSECOND}' ELSE {text} END"
    )


def _holds_text(kind: str) -> bool:
    return typed_column("", kind, "").type in {"text", "other"}


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    # The caller decides what becomes of a target that was not finished.
    row = connection.execute(
        f"COPY ({query}) TO {literal(str(target))} ({options}, USE_TMP_FILE false)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _cut(value: str, kind: str) -> str:
    return f"left({_text(value, kind)}, {MAX_TEXT_CHARACTERS})"


def _plain(value: Any) -> Any:
    """Make of a value what JSON can hold without loss: a text where no number can."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, int) and abs(value) > LARGEST_EXACT:
        return str(value)
    return value
