"""A column of a table, what is found of it, and how that is shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import frexp, ldexp
from typing import Any

TOP_VALUES_SHOWN = 5
MAX_NAME_CHARACTERS = 1000
# Squares of numbers beyond these, multiplied or summed up, are none.
SMALLEST, LARGEST = 1e-100, 1e100
ALL_DAYS = "DATE '0001-01-01' AND DATE '9999-12-31'"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MICROSECOND = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST_MICROSECOND = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
TYPES = {
    "BOOLEAN": "boolean",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "number"),
    "DATE": "date",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "datetime"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"), "datetime"),
    **dict.fromkeys(("VARCHAR", "UUID"), "text"),
}


@dataclass(slots=True)
class Column:
    """A column and what was found of it.

    `measure` is SQL for its values as finite numbers, of dates and times as whole microseconds
    since 1970; None where they are none.
    """

    name: str
    type: str
    value: str
    measure: str | None
    present: int = 0
    distinct: int = 0
    is_exact: bool = True
    measures: tuple[float | None, ...] = (None, None, None, None)
    """Minimum, maximum, mean and standard deviation."""
    top: list[dict[str, Any]] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)

    @property
    def scale(self) -> float:
        """Return a power of two that keeps sums and squares of its numbers within floats."""
        low, high = self.measures[:2]
        largest = max(abs(low or 0), abs(high or 0))
        ordinary = largest == 0 or SMALLEST < largest < LARGEST
        return 1.0 if ordinary else ldexp(1.0, min(1023, -frexp(largest)[1]))

    @property
    def scaled(self) -> str:
        """Write its measure times its scale as SQL."""
        number = f"CAST({self.measure} AS DOUBLE)" if self.is_dated else str(self.measure)
        return number if self.scale == 1 else f"({number}) * {self.scale!r}"

    @property
    def is_numeric(self) -> bool:
        """Return whether its values are numbers."""
        return self.type in {"integer", "number"}

    @property
    def is_dated(self) -> bool:
        """Return whether its values are dates or times."""
        return self.type in {"date", "datetime"}


def typed_column(name: str, sql_type: str, value: str) -> Column:
    """Make a column of an SQL type, whose values are an SQL expression."""
    kind = TYPES.get(sql_type, "other")
    if sql_type.startswith("DECIMAL"):
        kind = "number"
    elif sql_type.startswith("ENUM"):
        kind = "text"
    column = Column(name.replace("\0", "")[:MAX_NAME_CHARACTERS], kind, value, None)
    if column.is_numeric:
        number = f"CAST({value} AS DOUBLE)"
        column.measure = f"CASE WHEN isfinite({number}) THEN {number} END"
    elif column.is_dated:
        if sql_type == "TIMESTAMPTZ_NS":  # of which DuckDB cannot tell whether it is finite
            value = f"CAST({value} AS TIMESTAMPTZ)"
        if sql_type == "DATE":  # of which DuckDB counts no microseconds where they are far
            column.measure = f"CASE WHEN {value} BETWEEN {ALL_DAYS} THEN epoch_us({value}) END"
            return column
        moment = f"CASE WHEN isfinite({value}) THEN epoch_us({value}) END"
        within = f"BETWEEN {FIRST_MICROSECOND} AND {LAST_MICROSECOND}"
        column.measure = f"CASE WHEN ({moment}) {within} THEN {moment} END"
    return column


def shown_column(column: Column, rows: int) -> dict[str, Any]:
    """Show the statistics of a column as the contract does."""
    low, high, mean, deviation = column.measures if column.is_numeric else [None] * 4
    earliest, latest = column.measures[:2] if column.is_dated else [None] * 2
    return {
        "name": column.name,
        "type": column.type,
        "nullable": column.present < rows,
        "missing_count": rows - column.present,
        "distinct_count": column.distinct,
        "distinct_is_exact": column.is_exact,
        "min": low,
        "max": high,
        "mean": mean,
        "standard_deviation": deviation,
        "earliest": _moment(earliest),
        "latest": _moment(latest),
        "top_values": column.top[:TOP_VALUES_SHOWN],
    }


def shown_distribution(column: Column, rows: int) -> dict[str, Any]:
    """Show the distribution of a column as the contract does."""
    return {
        "name": column.name,
        "type": column.type,
        "missing_count": rows - column.present,
        "bins": [
            {"lower": lower, "upper": upper, "count": count}
            for lower, upper, count in _intervals(column)
            if column.is_numeric
        ],
        "periods": [
            {"start": _moment(start), "end": _moment(end), "count": count}
            for start, end, count in _intervals(column)
            if column.is_dated
        ],
        "top_values": column.top,
        "other_count": column.present - sum(one["count"] for one in column.top),
    }


def _intervals(column: Column) -> Iterator[tuple[float, float, int]]:
    low, high = column.measures[:2]
    if low is None or high is None:
        return
    count, scale = len(column.bins), column.scale
    start, width = low * scale, high * scale - low * scale
    edges = [(start + width * number / max(1, count)) / scale for number in range(count)] + [high]
    yield from zip(edges, edges[1:], column.bins, strict=False)


def _moment(microseconds: float | None) -> str | None:
    if microseconds is None:
        return None
    # Beside the ends of what dates can be, floats are further apart than microseconds.
    within = min(max(int(microseconds), FIRST_MICROSECOND), LAST_MICROSECOND)
    moment = EPOCH + timedelta(microseconds=within)
    return moment.isoformat().replace("+00:00", "Z")
