"""Columns of a table, brought to the few kinds that models take.

Numbers, booleans (0 and 1) and dates (seconds since 1970, UTC) become floats, NaN where missing;
categories and texts become strings, empty where missing. Which kind a column is, its values tell:
texts that are all moments of one format are dates, whatever file they come from, and times of day
are dates of 1970-01-01.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from projects_api.engines import moments

LARGEST_NUMBER = (
    1e30  # What goes beyond is taken for this much: models compute in single precision.
)
_MICROSECONDS = 1e6
_TEXT_WORDS = 3
_TEXT_VALUES = 30
_WORD = re.compile(r"\w+")
_ID_ROWS = 20
_ID_SHARE = 0.95
_ID_NAME = re.compile(r"(?:^|[\W_])(?i:id|index|key|no|nr|number|row)$|[a-z]I[dD]$|^(?i:unnamed)")


@dataclass(frozen=True, slots=True)
class Column:
    """An input of the models: its cells in the form that the module tells.

    `format` is that of dates which the table has not in ISO 8601, as `moments` names it. `of` is
    what the cells were in the table where the caller said of which kind they are: `number` or
    `boolean` of a category, `text` of a number.
    """

    name: str
    kind: str
    cells: np.ndarray
    format: str | None = None
    of: str | None = None


class Unusable(Exception):
    """A column that nothing can be learned from; its text says why."""


def read_column(name: str, values: pa.ChunkedArray) -> Column:
    """Bring a column to its kind, judged by its type and values. Raises `Unusable`."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.null_count == len(values):
        raise Unusable("has no values")
    kind = _kind_of(values.type)
    if kind == "category":
        return _read_text(name, values)
    clock = moments.TIME if pa.types.is_time(values.type) else None
    return _of_numbers(name, kind, _READ[kind](values), clock)


def read_as(name: str, values: pa.ChunkedArray, kind: str) -> Column:
    """Bring a column to the kind that a caller says it is (`interface.COLUMN_KINDS`).

    Raises `Unusable` where its values are not of that kind.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.null_count == len(values):
        raise Unusable("has no values")
    own = _kind_of(values.type)
    if kind == "datetime":
        return _as_moments(name, values, own)
    if kind == "number":
        return _as_numbers(name, values, own)
    if own == "date" or (kind == "text" and own != "category"):
        raise Unusable(f"holds values of the type {values.type}, which cannot be of kind {kind}")
    texts = read_any_texts(values)
    if not np.any(texts != texts[0]):
        raise Unusable("has the same value in every row")
    return Column(name, kind, texts, of=None if own == "category" else own)


def _as_numbers(name: str, values: pa.ChunkedArray, own: str) -> Column:
    if own in {"number", "boolean"}:  # which models take as numbers as they are
        return read_column(name, values)
    if own == "date":
        raise Unusable(f"holds values of the type {values.type}, which are no numbers")
    return replace(_of_numbers(name, "number", read_any_numbers(values), None), of="text")


def _as_moments(name: str, values: pa.ChunkedArray, own: str) -> Column:
    if own == "date":
        return read_column(name, values)
    if own == "category":
        column = _read_text(name, values, "date")
        if column.kind == "date":
            return column
    raise Unusable("holds values that are no moments of one known format")


def read_any_numbers(values: pa.ChunkedArray) -> np.ndarray:
    """Give numbers, or texts that are numbers, as floats. Raises `Unusable`."""
    if not _is_text(values.type):
        return read_numbers(values)
    texts = pc.utf8_trim_whitespace(values.cast(pa.large_string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)
    try:
        return read_numbers(texts.cast(pa.float64()))
    except pa.ArrowInvalid as reason:
        raise Unusable(f"holds texts that are no numbers: {reason}") from reason


def read_any_texts(values: pa.ChunkedArray) -> np.ndarray:
    """Give texts, and numbers, true and false as they are written."""
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        numbers = read_numbers(values)
        told = ["" if np.isnan(one) else write_number(one) for one in numbers.tolist()]
        return np.array(told, dtype=object)
    texts = pc.fill_null(values.cast(pa.large_string()), "")
    return np.asarray(texts.to_numpy()).astype(object)


def write_number(number: float) -> str:
    """Write a number as a category: a whole one without a point, as whole columns have it."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _of_numbers(name: str, kind: str, numbers: np.ndarray, written: str | None) -> Column:
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        raise Unusable("has no values")
    if present.size == numbers.size and present.min() == present.max():
        raise Unusable("has the same value in every row")
    return Column(name, kind, numbers, written)


def _kind_of(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return "date"
    if _is_text(kind):
        return "category"
    raise Unusable(f"holds values of the type {kind}, which models cannot take")


def read_numbers(values: pa.ChunkedArray) -> np.ndarray:
    """Give numbers as floats; what is missing or infinite is NaN, what is huge is cut."""
    numbers = values.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    numbers[np.isinf(numbers)] = np.nan
    clipped: np.ndarray = np.clip(numbers, -LARGEST_NUMBER, LARGEST_NUMBER)
    return clipped


def read_booleans(values: pa.ChunkedArray) -> np.ndarray:
    """Give true as 1, false as 0, and what is missing as NaN."""
    return read_numbers(values.cast(pa.uint8()))


def read_dates(values: pa.ChunkedArray) -> np.ndarray:
    """Give moments as seconds since 1970, times of day as those of 1970-01-01."""
    if pa.types.is_time(values.type):
        clock = values.cast(pa.time64("us"), safe=False)
        return np.asarray(clock.cast(pa.int64()).cast(pa.float64()).to_numpy()) / _MICROSECONDS
    # Of days beyond the years that a microsecond can be counted in, no time of day is known.
    unit = "s" if pa.types.is_date(values.type) else "us"
    counted = values.cast(pa.timestamp(unit), safe=False).cast(pa.int64())
    numbers = np.asarray(counted.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    return numbers if unit == "s" else numbers / _MICROSECONDS


_READ = {"number": read_numbers, "boolean": read_booleans, "date": read_dates}


def numbers_rows(name: str, values: pa.ChunkedArray) -> bool:
    """Tell whether a column numbers the rows of a table.

    To be asked about the table as it was uploaded: rows that are left out leave gaps. Whole numbers
    with the name of an id do when they only rise or only fall, or have the same distance from one
    to the next in any order.
    """
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if not is_number or len(values) < _ID_ROWS or not _ID_NAME.search(name):
        return False
    numbers = read_numbers(values)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) < _ID_SHARE * len(values) or (numbers % 1).any():
        return False
    steps = np.diff(numbers)
    distances = np.diff(np.sort(numbers))
    is_even = distances[0] > 0 and (distances == distances[0]).all()
    return bool(is_even or (steps > 0).all() or (steps < 0).all())


def _read_text(name: str, values: pa.ChunkedArray, wanted: str | None = None) -> Column:
    texts = pc.fill_null(values.cast(pa.large_string()), "").to_numpy().astype(object)
    distinct = pc.count_distinct(values.cast(pa.large_string()), mode="only_valid").as_py()
    if distinct == 1 and not values.null_count:
        raise Unusable("has the same value in every row")
    different = dict.fromkeys(text for text in texts if text)
    if written := moments.find_format(different):
        seconds = {text: _since_1970(moments.parse(text, written)) for text in different}
        numbers = np.array([seconds.get(text, np.nan) for text in texts], dtype=np.float64)
        return _of_numbers(name, "date", numbers, None if written == moments.ISO else written)
    if wanted == "date":
        raise Unusable("holds texts that are no moments of one known format")
    present = [text for text in texts[:1000] if text]
    words = sum(len(_WORD.findall(text)) for text in present) / max(len(present), 1)
    if distinct > _TEXT_VALUES and words >= _TEXT_WORDS:
        return Column(name, "text", texts)
    if distinct >= max(_ID_ROWS, _ID_SHARE * (len(values) - values.null_count)):
        raise Unusable("has another value in almost every row, as names and ids do")
    return Column(name, "category", texts)


def to_frame(columns: Sequence[np.ndarray] | Mapping[int, np.ndarray]) -> pd.DataFrame:
    """Put values beside each other, under their positions: names could be anything."""
    numbered = columns if isinstance(columns, Mapping) else dict(enumerate(columns))
    return pd.DataFrame(numbered, copy=False)


def frame_of_rows(
    inputs: Iterable[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Make the frame that a model takes of rows that `check_rows` has given."""
    return to_frame(
        [_of_kind(field["kind"], [row[field["name"]] for row in rows]) for field in inputs]
    )


def _of_kind(kind: str, values: list[Any]) -> np.ndarray:
    if kind in {"category", "text"}:
        return np.array([value or "" for value in values], dtype=object)
    if kind == "date":
        values = [value and seconds(value) for value in values]
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.clip(numbers, -LARGEST_NUMBER, LARGEST_NUMBER)


def seconds(moment: str) -> float:
    """Return the seconds since 1970 of a moment, or of a time of day, in ISO 8601."""
    if moment[2:3] == ":":  # a time of day
        return _since_1970(datetime.combine(date(1970, 1, 1), time.fromisoformat(moment)))
    return _since_1970(datetime.fromisoformat(moment))


def _since_1970(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
