"""Whole tables that a model is asked about: columns of Arrow, turned into what its inputs take.

What `inputs` and `columns` do for rows of JSON, a column at a time. A table has types of its own:
whole numbers are taken for categories, too, as a column of codes may be read as either.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from projects_api.engines import moments
from projects_api.engines.columns import (
    Unusable,
    read_any_numbers,
    read_any_texts,
    read_booleans,
    read_dates,
    read_numbers,
    seconds,
    to_frame,
)
from projects_api.engines.inputs import coerce, expected

_SHOWN = 5


class TableRefused(ValueError):
    """A table that a model cannot be asked about; the text names columns and says what is wrong."""


class _MomentRefused(TableRefused):
    """A text that is no moment; `place` counts rows from 0."""

    def __init__(self, text: str, place: int) -> None:
        super().__init__(text)
        self.text = text
        self.place = place

    def told(self, field: Mapping[str, Any], first_row: int) -> str:
        """Say where it stands, and what should."""
        wanted = expected(field).rstrip(",")
        return f"has {self.text[:50]!r} in row {first_row + self.place}, which is not {wanted}"


def frame_of_table(
    signature: Mapping[str, Any], table: pa.Table, *, first_row: int = 1
) -> pd.DataFrame:
    """Make the frame that a model takes of a table.

    A column that the table does not have is missing in every row; what the model does not know is
    left out. Numbers that are infinite are missing, as they were in the training. `first_row` is
    the number of the table's first row, for sentences. Raises `TableRefused`.
    """
    # Of columns with one name, the first is meant.
    named = dict(reversed([*zip(table.column_names, table.columns, strict=True)]))
    inputs = signature["inputs"]
    if not any(field["name"] in named for field in inputs):
        told = ", ".join(field["name"] for field in inputs[:_SHOWN])
        raise TableRefused(f"it has none of the model's inputs, such as {told}")
    markers = pa.array(signature.get("missing", ()), pa.large_string())
    columns: list[np.ndarray] = []
    faults: list[str] = []
    for field in inputs:
        column = named.get(field["name"])
        if column is None:
            columns.append(_absent(field["kind"], table.num_rows))
            continue
        try:
            columns.append(_read(field, column, markers))
        except _MomentRefused as refused:
            faults.append(f"{field['name']!r} {refused.told(field, first_row)}")
        except TableRefused as refused:
            faults.append(f"{field['name']!r} {refused}")
    if faults:
        more = f", and {len(faults) - _SHOWN} more columns" if len(faults) > _SHOWN else ""
        raise TableRefused("; ".join(faults[:_SHOWN]) + more)
    return to_frame(columns)


def _absent(kind: str, count: int) -> np.ndarray:
    is_text = kind in {"category", "text"}
    return np.full(count, "" if is_text else np.nan, dtype=object if is_text else np.float64)


def _read(field: Mapping[str, Any], values: pa.ChunkedArray, markers: pa.Array) -> np.ndarray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if _is_text(values.type):
        values = values.cast(pa.large_string())
        missing = pc.is_in(values, value_set=markers)
        values = pc.if_else(missing, pa.scalar(None, values.type), values)
    if values.null_count == len(values):
        return _absent(field["kind"], len(values))
    return _READ[field["kind"]](field, values)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _read_numbers(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    kind = values.type
    if _is_text(kind) and field.get("of") == "text":
        try:
            return read_any_numbers(values)
        except Unusable as reason:
            raise _wrong(field, kind) from reason
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise _wrong(field, kind)
    return read_numbers(values)


def _read_booleans(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    if not pa.types.is_boolean(values.type):
        raise _wrong(field, values.type)
    return read_booleans(values)


def _read_texts(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    if not (_is_text(values.type) or pa.types.is_integer(values.type)):
        raise _wrong(field, values.type)
    return read_any_texts(values)


def _read_categories(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    """Take numbers, true and false, too, where such a column was learnt from as categories."""
    kind = values.type
    is_number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    is_own = pa.types.is_boolean(kind) if field.get("of") == "boolean" else is_number
    return read_any_texts(values) if "of" in field and is_own else _read_texts(field, values)


def _read_moments(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    kind = values.type
    if _is_text(kind):
        return _parse(field, values)
    of_clock = field.get("format") == moments.TIME
    is_day = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    if not (pa.types.is_time(kind) if of_clock else is_day):
        raise _wrong(field, kind)
    return read_dates(values)


def _parse(field: Mapping[str, Any], values: pa.ChunkedArray) -> np.ndarray:
    known: dict[str | None, float] = {None: np.nan}
    texts = values.to_pylist()
    for text in dict.fromkeys(texts):
        if text is None:
            continue
        try:
            moment = coerce(field, text)
            known[text] = np.nan if moment is None else seconds(moment)
        except (TypeError, ValueError, OverflowError) as reason:
            raise _MomentRefused(text, texts.index(text)) from reason
    return np.array([known[text] for text in texts], dtype=np.float64)


def _wrong(field: Mapping[str, Any], kind: pa.DataType) -> TableRefused:
    told = expected(field).rstrip(",")
    name = str(kind).removeprefix("large_")
    return TableRefused(f"holds values of the type {name}, where each must be {told}")


_READ = {
    "number": _read_numbers,
    "boolean": _read_booleans,
    "category": _read_categories,
    "text": _read_texts,
    "date": _read_moments,
}
