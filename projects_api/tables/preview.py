"""The first rows of a table, as plain JSON; runs only in a reader process."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

import duckdb

from projects_api.tables.column import typed_column
from projects_api.tables.conversion import written_text
from projects_api.tables.engine import Table
from projects_api.tables.types import cast

MAX_COLUMNS_SHOWN = 100
MAX_TEXT_CHARACTERS = 1000
LARGEST_EXACT = 2**53 - 1
"""Beyond it readers of JSON that keep numbers as floats would read another one."""
_NATIVE = {"boolean", "integer", "number"}


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


def _cut(value: str, kind: str) -> str:
    return f"left({written_text(value, kind)}, {MAX_TEXT_CHARACTERS})"


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
