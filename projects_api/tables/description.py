"""What the columns of a table hold, in numbers; runs only in a reader process.

Values are counted one row a cell, as many columns at a time as keep the memory bounded. All that
is counted is exact, unless a column has more different values than MAX_DISTINCT.
"""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import isfinite
from typing import Any

import duckdb

from projects_api.tables.column import Column, shown_column, shown_distribution, typed_column
from projects_api.tables.engine import MAX_DERIVED, Table, column_types

CELLS_PER_PASS = 1_000_000
MAX_DISTINCT = 10_000_000
MAX_DISTRIBUTIONS = 100
MAX_CORRELATED = 20
BINS = 20
TOP_VALUES = 20
MAX_VALUE_CHARACTERS = 100


def describe(connection: duckdb.DuckDBPyConnection, table: Table, rows: int) -> dict[str, Any]:
    """Describe every column, the distributions of the first ones, and how numbers go together."""
    columns = _columns(connection, table)
    for start, batch in _batches(columns, rows):
        _count(connection, table, start, batch, rows)
        _measure(connection, table, start, batch)
    analysed = columns[:MAX_DISTRIBUTIONS]
    for start, batch in _batches(analysed, rows):
        _fill_bins(connection, table, start, batch)
    return {
        "columns": [shown_column(column, rows) for column in columns],
        "distributions": [shown_distribution(column, rows) for column in analysed],
        "correlations": _correlations(connection, table, analysed),
    }


def _columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Column]:
    types = column_types(connection, table)
    described = zip(table.unique_names, types, table.values, strict=True)
    return [typed_column(name, kind, value) for name, kind, value in described]


def _batches(columns: list[Column], rows: int) -> Iterator[tuple[int, list[Column]]]:
    size = min(MAX_DERIVED, max(1, CELLS_PER_PASS // max(1, rows)))
    for start in range(0, len(columns), size):
        yield start, columns[start : start + size]


def _cells(table: Table, expressions: Iterable[tuple[int, str]]) -> str:
    """Write a relation of (name, value), one row for each value that is not missing."""
    cells = list(expressions)
    if len(cells) == 1:  # of which there is no need to make others
        [(position, expression)] = cells
        one = f"SELECT 'c{position}' AS name, {expression} AS value FROM {table.scan}"
        return f"(FROM ({one}) WHERE value IS NOT NULL)"
    selected = ", ".join(f"{expression} AS c{position}" for position, expression in cells)
    return (
        f"(FROM (UNPIVOT (SELECT {selected} FROM {table.scan}) "
        "ON COLUMNS(*) INTO NAME name VALUE value))"
    )


def _count(
    connection: duckdb.DuckDBPyConnection, table: Table, start: int, batch: list[Column], rows: int
) -> None:
    """Count values, different ones, and how often the most frequent ones occur."""
    hashes = [
        (position, f"CASE WHEN {column.value} IS NOT NULL THEN hash({column.value}) END")
        for position, column in enumerate(batch, start)
    ]
    if rows > MAX_DISTINCT and _estimate(connection, _cells(table, hashes), batch):
        return
    found = connection.execute(
        f"SELECT name, sum(times)::BIGINT, count(*), max({{'times': times, 'hash': value}}, "
        f"{TOP_VALUES}) FROM (SELECT name, value, count(*) AS times "
        f"FROM {_cells(table, hashes)} GROUP BY name, value) GROUP BY name"
    ).fetchall()
    frequent = {}
    for name, present, distinct, top in found:
        column = batch[int(name[1:]) - start]
        column.present, column.distinct = present, distinct
        if column.type != "other" and (not column.measure or distinct <= TOP_VALUES):
            frequent[int(name[1:])] = {one["hash"]: one["times"] for one in top}
    repeated = {position: times for position, times in frequent.items() if max(times.values()) > 1}
    if repeated:
        _name_top_values(connection, table, start, batch, repeated)


def _estimate(connection: duckdb.DuckDBPyConnection, cells: str, batch: list[Column]) -> bool:
    """Estimate the different values of one column; tell whether counting them is too much."""
    (column,) = batch
    found = connection.execute(
        f"SELECT count(value), approx_count_distinct(value) FROM {cells}"
    ).fetchone()
    assert found is not None
    column.present, column.distinct = found
    column.is_exact = column.distinct <= MAX_DISTINCT
    return not column.is_exact


def _name_top_values(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    start: int,
    batch: list[Column],
    repeated: dict[int, dict[int, int]],
) -> None:
    """Find the values that have these hashes."""
    cells = []
    for position, times in repeated.items():
        value = batch[position - start].value
        listed = ", ".join(f"{one}::UBIGINT" for one in times)
        text = f"left(CAST({value} AS VARCHAR), {MAX_VALUE_CHARACTERS})"
        pair = f"{{'hash': hash({value}), 'text': {text}}}"
        cells.append((position, f"CASE WHEN hash({value}) IN ({listed}) THEN {pair} END"))
    found = connection.execute(
        "SELECT name, value.hash, any_value(value.text) "
        f"FROM {_cells(table, cells)} GROUP BY name, value.hash"
    ).fetchall()
    for name, hashed, text in found:
        position = int(name[1:])
        value = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        count = repeated[position][hashed]
        batch[position - start].top.append({"value": value, "count": count})
    for column in batch:
        column.top.sort(key=lambda one: (-one["count"], one["value"]))


def _measure(
    connection: duckdb.DuckDBPyConnection, table: Table, start: int, batch: list[Column]
) -> None:
    """Find the ends of each column's numbers, then their mean and standard deviation."""
    measured = [
        (position, column) for position, column in enumerate(batch, start) if column.measure
    ]
    if not measured:
        return
    for dated in (False, True):  # apart, for microseconds are exact as integers alone
        ends = [(place, str(one.measure)) for place, one in measured if one.is_dated is dated]
        if not ends:
            continue
        found = connection.execute(
            f"SELECT name, min(value), max(value) FROM {_cells(table, ends)} GROUP BY name"
        ).fetchall()
        for name, low, high in found:
            batch[int(name[1:]) - start].measures = (_finite(low), _finite(high), None, None)
    scaled = [(position, column.scaled) for position, column in measured if column.is_numeric]
    if not scaled:
        return
    found = connection.execute(
        f"SELECT name, avg(value), stddev_samp(value) FROM {_cells(table, scaled)} GROUP BY name"
    ).fetchall()
    for name, *moments in found:
        column = batch[int(name[1:]) - start]
        mean, deviation = (_finite(one and one / column.scale) for one in moments)
        column.measures = (*column.measures[:2], mean, deviation)


def _fill_bins(
    connection: duckdb.DuckDBPyConnection, table: Table, start: int, batch: list[Column]
) -> None:
    """Count values in intervals of equal width, of which the last one has its upper end too."""
    expressions, bounds = [], []
    for position, column in enumerate(batch, start):
        low, high = column.measures[:2]
        if column.measure and low is not None and high is not None:
            expressions.append((position, column.scaled))
            ends = f"{low * column.scale!r}::DOUBLE, {high * column.scale!r}::DOUBLE"
            bounds.append(f"('c{position}', {ends})")
            column.bins = [0] * (BINS if high > low else 1)
    if not expressions:
        return
    found = connection.execute(
        f"SELECT name, least(floor((value - low) / (high - low) * {BINS}), {BINS - 1})::INTEGER "
        f"AS bin, count(*) FROM {_cells(table, expressions)} "
        f"JOIN (VALUES {', '.join(bounds)}) AS bounds(name, low, high) USING (name) "
        "GROUP BY name, bin"
    ).fetchall()
    for name, bin_number, count in found:
        bins = batch[int(name[1:]) - start].bins
        bins[bin_number if len(bins) > 1 else 0] += count


def _correlations(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: list[Column]
) -> list[dict[str, Any]]:
    """Correlate the first numeric columns that vary, the strongest first."""
    numeric = [column for column in columns if column.is_numeric and column.distinct > 1]
    pairs = list(combinations(numeric[:MAX_CORRELATED], 2))
    if not pairs:
        return []
    selected = ", ".join(f"corr({a.scaled}, {b.scaled})" for a, b in pairs)
    found = connection.execute(f"SELECT {selected} FROM {table.scan}").fetchone()
    assert found is not None
    correlations = [
        {"first": a.name, "second": b.name, "coefficient": max(-1.0, min(1.0, coefficient))}
        for (a, b), coefficient in zip(pairs, map(_finite, found), strict=True)
        if coefficient is not None
    ]
    return sorted(correlations, key=lambda one: -abs(float(str(one["coefficient"]))))


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
