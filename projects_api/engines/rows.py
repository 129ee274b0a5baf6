"""The rows of a training: loaded, put together, and left out where they lack something."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from projects_api.engines.columns import Unusable, read_column, read_numbers
from projects_api.engines.interface import Progress, Task, TrainingConfig, TrainingRefused
from projects_api.engines.splitting import Order

MIN_ROWS = 10
TEST = "the table to test on"


def load(path: Path, names: Sequence[str] | None, task: Task, what: str) -> pa.Table:
    """Load a table that has what the task names. Raises `TrainingRefused`; `what` is for that."""
    table = pq.ParquetFile(path).read()
    if names:
        table = table.rename_columns(names)
    # Of columns with one name, the first is meant.
    places: dict[str, int] = {}
    for place, name in enumerate(table.column_names):
        places.setdefault(name, place)
    config = task.config
    asked = [task.target, *(config.features or ()), config.weight_column]
    if what == "the table":
        asked += [config.split_column, *config.ignored_columns, *config.column_kinds]
    for name in asked:
        if name is not None and name not in places:
            raise TrainingRefused(f"{what} has no column {name!r}")
    return table.select(list(places.values()))


def load_test(task: Task, progress: Progress) -> pa.Table:
    """Load the rows to test on that have a target. Raises `TrainingRefused`."""
    assert task.test_table
    table = load(task.test_table, task.test_names, task, TEST)
    # Which row is when, or of which group, is asked of those that are learnt from alone.
    config = replace(task.config, split="random", split_column=None)
    table = drop_incomplete(table, replace(task, config=config), progress, f"of {TEST} ")
    if not len(table):
        raise TrainingRefused(f"{TEST} has no row with a value of {task.target!r}")
    return table


def append(whole: pa.Table, test: pa.Table) -> pa.Table:
    """Put the rows to test on behind the others: a column that they lack is missing in each."""
    columns = {}
    others = dict(zip(test.column_names, test.columns, strict=True))
    for name, column in zip(whole.column_names, whole.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)  # noqa: PLW2901
        other = others.get(name)
        if other is None:
            other = pa.chunked_array([pa.nulls(len(test), column.type)])
        columns[name] = _join(name, column, other)
    return pa.table(columns)


def _join(name: str, column: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put values of one column behind others, as values of the first or, of numbers, as floats."""
    if pa.types.is_dictionary(other.type):
        other = other.cast(other.type.value_type)
    wanted = [column.type]
    if all(
        pa.types.is_integer(one) or pa.types.is_floating(one) for one in (column.type, other.type)
    ):
        wanted.append(pa.float64())
    for kind in wanted:
        try:
            both = [part.cast(kind) for part in (column, other)]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        return pa.chunked_array([chunk for part in both for chunk in part.chunks], kind)
    raise TrainingRefused(
        f"the column {name!r} holds values of the type {column.type}, and in {TEST} of the type "
        f"{other.type}"
    )


def read_order(whole: pa.Table, config: TrainingConfig) -> Order | None:
    """Give what the rows are split by."""
    if config.split == "random" or config.split_column is None:
        return None
    values = whole.column(config.split_column)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if config.split == "group":
        encoded = values.combine_chunks().dictionary_encode()
        return Order("group", np.asarray(encoded.indices.fill_null(-1).to_numpy()))
    try:
        column = read_column(config.split_column, values)
    except Unusable as why:
        raise TrainingRefused(f"the split_column {config.split_column!r} {why}") from why
    if column.kind not in {"date", "number"}:
        raise TrainingRefused(
            f"the split_column {config.split_column!r} holds no moments and no numbers, by which "
            "rows have an order: choose another, or the split `group`"
        )
    return Order("time", column.cells)


def read_weights(whole: pa.Table, name: str | None) -> np.ndarray | None:
    """Give what each row weighs. Raises `TrainingRefused`."""
    if name is None:
        return None
    weights = read_numbers(whole.column(name))
    if weights.min() < 0:
        raise TrainingRefused(f"the weight_column {name!r} has values below 0")
    return weights


def drop_incomplete(table: pa.Table, task: Task, progress: Progress, of: str = "") -> pa.Table:
    """Leave out rows without a target, a place in the split, or a weight."""
    for name in dict.fromkeys((task.target, task.config.split_column, task.config.weight_column)):
        if name is None:
            continue
        values = table.column(name)
        known = np.asarray(values.is_valid().to_numpy())
        infinite = np.zeros(len(known), dtype=bool)
        if pa.types.is_floating(values.type):
            known &= ~np.isnan(values.to_numpy())
            infinite = known & np.isinf(values.to_numpy())
        if name == task.config.weight_column:
            known &= infinite | _weighs(values, name)
        told = "is missing" if name != task.config.weight_column else "is missing or 0"
        for why, left_out in ((told, ~known), ("is infinite", infinite)):
            if count := int(left_out.sum()):
                progress.log(f"left out {count} rows {of}in which {name} {why}")
        table = table.filter(pa.array(known & ~infinite))
    return table


def _weighs(values: pa.ChunkedArray, name: str) -> np.ndarray:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise TrainingRefused(f"the weight_column {name!r} holds no numbers")
    return np.asarray(read_numbers(values) != 0)


def check_size(table: pa.Table, task: Task) -> None:
    """Refuse a table with too few rows."""
    if len(table) < MIN_ROWS:
        raise TrainingRefused(
            f"the table has {len(table)} rows with a value of {task.target!r}; "
            f"a training needs at least {MIN_ROWS}"
        )
