"""The table of a training: read, judged, and split into rows to learn from and rows to test on."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import train_test_split

from projects_api.engines.choices import metric_name
from projects_api.engines.columns import (
    LARGEST_NUMBER,
    Column,
    Unusable,
    numbers_rows,
    read_column,
    read_numbers,
    to_frame,
)
from projects_api.engines.decision import BINARY
from projects_api.engines.evaluation import label_text
from projects_api.engines.interface import Progress, Task, TrainingRefused

MIN_ROWS = 10
MAX_LABELS = 100
_HELD_OUT = 0.2
_LOGGED = 20


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and the target: codes (places in `labels`) or, without labels, numbers.

    `positive` is the place of the positive label, where there are two. `training` and `held_out`
    are row numbers. Of a label with a single row, that row is in
    `training`.
    """

    columns: list[Column]
    target: np.ndarray
    labels: list[Any] | None
    training: np.ndarray
    held_out: np.ndarray
    positive: int = 1

    def frame(self) -> pd.DataFrame:
        """Return all rows of all columns, by position."""
        return to_frame([column.cells for column in self.columns])


def read(task: Task, progress: Progress) -> Table:
    """Read a task's table. Raises `TrainingRefused` when nothing can be learned from it."""
    table = pq.ParquetFile(task.table).read()
    if task.names:
        table = table.rename_columns(task.names)
    names = table.column_names
    if task.target not in names:
        raise TrainingRefused(f"the table has no column {task.target!r}")
    target = table.column(names.index(task.target))
    numbering = {
        name for name, one in zip(names, table.columns, strict=True) if numbers_rows(name, one)
    }
    table, target = _drop_rows_without_target(table, target, task, progress)
    codes, labels = _read_target(target, task)
    if labels is None and task.config.balance_classes:
        progress.log("balance_classes changes nothing: a regression has no classes")
    columns = _read_columns(table, task.target, numbering, progress)
    training, held_out = split(codes, labels, task.config.seed)
    if labels is not None:
        _check_what_is_left(codes[training], labels, task, progress)
    positive = _find_positive(codes, labels, task)
    return Table(columns, codes, labels, training, held_out, positive)


def _drop_rows_without_target(
    table: pa.Table, target: pa.ChunkedArray, task: Task, progress: Progress
) -> tuple[pa.Table, pa.ChunkedArray]:
    known = np.asarray(target.is_valid().to_numpy())
    if pa.types.is_floating(target.type):
        known &= np.isfinite(target.to_numpy())
    if missing := int((~known).sum()):
        progress.log(f"left out {missing} rows, in which {task.target} is missing")
        table, target = table.filter(pa.array(known)), target.filter(pa.array(known))
    if len(target) < MIN_ROWS:
        raise TrainingRefused(
            f"the table has {len(target)} rows with a value of {task.target!r}; "
            f"a training needs at least {MIN_ROWS}"
        )
    return table, target


def _read_target(target: pa.ChunkedArray, task: Task) -> tuple[np.ndarray, list[Any] | None]:
    if pa.types.is_dictionary(target.type):
        target = target.cast(target.type.value_type)
    if task.problem_type == "classification":
        return _read_labels(target, task.target)
    kind = target.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise TrainingRefused(
            f"the target {task.target!r} holds no numbers but values of the type {kind}; "
            "a regression predicts numbers: choose classification, or another target"
        )
    numbers = read_numbers(target)
    if numbers.min() == numbers.max():
        raise TrainingRefused(f"the target {task.target!r} has the same value in every row")
    if metric_name(task.config.sort_metric, task.problem_type) == "rmsle" and numbers.min() <= -1:
        raise TrainingRefused(
            f"the target {task.target!r} has values of -1 or less, for which there is no rmsle: "
            "choose another sort_metric"
        )
    if np.abs(numbers).max() >= LARGEST_NUMBER:
        raise TrainingRefused(f"the target {task.target!r} has values beyond {LARGEST_NUMBER:g}")
    return numbers, None


def _read_labels(target: pa.ChunkedArray, name: str) -> tuple[np.ndarray, list[Any]]:
    kind = target.type
    if pa.types.is_decimal(kind):
        target = target.cast(pa.float64(), safe=False)
    elif pa.types.is_temporal(kind):
        target = target.cast(pa.string())
    elif not (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    ):
        raise TrainingRefused(f"the target {name!r} holds values of the type {kind}, not labels")
    labels, codes = np.unique(target.to_numpy(), return_inverse=True)
    if len(labels) < 2:  # noqa: PLR2004 - there is nothing to tell apart
        raise TrainingRefused(f"the target {name!r} has the same value in every row")
    if len(labels) > MAX_LABELS:
        raise TrainingRefused(
            f"the target {name!r} has {len(labels)} different values; a classification tells at "
            f"most {MAX_LABELS} apart: choose regression, or another target"
        )
    counts = np.sort(np.bincount(codes))
    if len(labels) > len(codes) / 2:
        raise TrainingRefused(
            f"the target {name!r} has {len(labels)} different values, most of them once: that is "
            "nothing to tell apart; choose another target"
        )
    if counts[-2] < MIN_ROWS // 2:
        raise TrainingRefused(
            f"a classification needs at least {MIN_ROWS // 2} rows of one value of the target "
            f"{name!r} and as many of another"
        )
    return codes, labels.tolist()


def _find_positive(codes: np.ndarray, labels: list[Any] | None, task: Task) -> int:
    """Find the place of the label that was asked for, or of the rarer one."""
    wanted = task.config.positive_label
    if labels is None or (wanted is None and len(labels) != BINARY):
        return 1
    if wanted is None:
        counts = np.bincount(codes)
        return int(counts[1] <= counts[0])
    if len(labels) != BINARY:
        raise TrainingRefused(
            f"the target {task.target!r} has {len(labels)} different values; a positive_label is "
            "for a target with two: leave it out"
        )
    names = [label_text(label) for label in labels]
    number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
    for place, label in enumerate(labels):
        if names[place] == label_text(wanted) or (number and label == wanted):
            return place
    raise TrainingRefused(
        f"the target {task.target!r} has no value {label_text(wanted)[:100]!r} for the "
        f"positive_label: it has {names[0][:100]!r} and {names[1][:100]!r}"
    )


def _check_what_is_left(
    codes: np.ndarray, labels: list[Any], task: Task, progress: Progress
) -> None:
    """Say which labels the training rows have too few of; refuse when they do not tell two apart.

    The held-out rows have taken their share.
    """
    sizes = np.bincount(codes, minlength=len(labels))
    if np.sort(sizes)[-2] < 2:  # noqa: PLR2004 - to learn from one, and to validate the other
        raise TrainingRefused(
            f"of the target {task.target!r}, no two values have rows enough to learn from and to "
            "test on: add rows, or put rare values together"
        )
    wanted = max(task.config.nfolds, 2)
    rare = [label_text(label) for label, size in zip(labels, sizes, strict=True) if size < wanted]
    if rare:
        shown = ", ".join(rare[:_LOGGED]) + (", ..." if len(rare) > _LOGGED else "")
        progress.log(
            f"fewer than {wanted} rows to learn from have the values {shown} of {task.target}: "
            "the cross validation has fewer folds, or not all of its folds have these"
        )


def _read_columns(
    table: pa.Table, target: str, numbering: set[str], progress: Progress
) -> list[Column]:
    columns: list[Column] = []
    unusable: dict[str, str] = {}
    seen = {target}
    for position, name in enumerate(table.column_names):
        if name in seen:
            continue
        seen.add(name)
        if name in numbering:
            unusable[name] = "numbers the rows"
            continue
        try:
            columns.append(read_column(name, table.column(position)))
        except Unusable as why:
            unusable[name] = str(why)
    for name, reason in list(unusable.items())[:_LOGGED]:
        progress.log(f"left out the column {name!r}: it {reason}")
    if len(unusable) > _LOGGED:
        progress.log(f"left out {len(unusable) - _LOGGED} more columns")
    if not columns:
        raise TrainingRefused(
            "no column but the target can be learned from: "
            + "; ".join(f"{name!r} {reason}" for name, reason in list(unusable.items())[:5])
        )
    kinds = Counter(column.kind for column in columns)
    told = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(kinds.items()))
    progress.log(f"learning from {len(table)} rows with {len(columns)} columns: {told}")
    return columns


def split(target: np.ndarray, labels: list[Any] | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fifth of the rows, of each label as far as possible; the same for every engine."""
    rows = np.arange(len(target))
    if labels is None:
        training, held_out = train_test_split(rows, test_size=_HELD_OUT, random_state=seed)
        return np.sort(training), np.sort(held_out)
    alone = np.bincount(target)[target] < 2  # noqa: PLR2004 - nothing to split
    common = rows[~alone]
    size = max(round(_HELD_OUT * len(common)), len(np.unique(target[common])))
    training, held_out = train_test_split(
        common, test_size=size, random_state=seed, stratify=target[common]
    )
    return np.sort(np.concatenate([training, rows[alone]])), np.sort(held_out)
