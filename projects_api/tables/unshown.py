"""What a Parquet file may hold and other looks at it cannot show; runs only in a reader process."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Iterator

import duckdb

from projects_api.tables.column import typed_column
from projects_api.tables.engine import MAX_AGGREGATED, Table, column_types
from projects_api.tables.lines import MAX_VALUE_BYTES

MOMENTS = "are before the year 1, after 9999 or infinite, and are in no statistics"
TEXTS = (
    "have NUL or more than two million bytes. A download as CSV holds them, and cannot be uploaded"
)


def unshown(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[tuple[str, int, str]]:
    """Find moments that no statistics count, and texts that no CSV can have, by their columns."""
    checks: list[tuple[int, str, str]] = []
    for place, kind in enumerate(column_types(connection, table)):
        column = typed_column("", kind, table.values[place])
        if column.is_dated:
            shown = f"count({column.value}) - count({column.measure})"
            checks.append((place, "unshown_moments", shown))
        elif column.type == "text":
            value = f"CAST({column.value} AS VARCHAR)"
            long = f"strlen({value}) > {MAX_VALUE_BYTES}"
            checks.append((place, "not_for_csv", f"count_if({long} OR contains({value}, chr(0)))"))
    for start in range(0, len(checks), MAX_AGGREGATED):
        batch = checks[start : start + MAX_AGGREGATED]
        counts = ", ".join(check for _, _, check in batch)
        [row] = connection.execute(f"SELECT {counts} FROM {table.scan}").fetchall()
        for (place, kind, _), count in zip(batch, row, strict=True):
            if count:
                text = MOMENTS if kind == "unshown_moments" else TEXTS
                yield kind, place, f"{count} of its values {text}."
