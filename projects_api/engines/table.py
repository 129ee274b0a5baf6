"""The table of a training: read, judged, and split into rows to learn from and rows to test on."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from projects_api.engines import rows
from projects_api.engines.choices import metric_name
from projects_api.engines.columns import (
    LARGEST_NUMBER,
    Column,
    Unusable,
    numbers_rows,
    read_as,
    read_column,
    read_numbers,
    to_frame,
)
from projects_api.engines.decision import BINARY
from projects_api.engines.interface import Progress, Task, TrainingRefused
from projects_api.engines.labels import label_text
from projects_api.engines.splitting import Order, Split, hold_out

MAX_LABELS = 100
_LOGGED = 20


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and the target: codes (places in `labels`) or, without labels, numbers.

    `positive` is the place of the positive label, where there are two. `training` and `held_out`
    are row numbers; not all rows need be in one of them. Of a label with a single row, that row is
    in `training`. `order` is what rows are split by where it is not chance, `weights` how much each
    weighs where that is told.
    """

    columns: list[Column]
    target: np.ndarray
    labels: list[Any] | None
    training: np.ndarray
    held_out: np.ndarray
    positive: int = 1
    order: Order | None = None
    weights: np.ndarray | None = None

    def frame(self) -> pd.DataFrame:
        """Return all rows of all columns, by position."""
        return to_frame([column.cells for column in self.columns])


def read(task: Task, progress: Progress) -> Table:
    """Read a task's table. Raises `TrainingRefused` when nothing can be learned from it."""
    whole = rows.load(task.table, task.names, task, "the table")
    numbering = {
        name
        for name, one in zip(whole.column_names, whole.columns, strict=True)
        if numbers_rows(name, one)
    }
    whole = rows.drop_incomplete(whole, task, progress)
    rows.check_size(whole, task)
    learned = len(whole)
    if task.test_table:
        whole = rows.append(whole, rows.load_test(task, progress))
    codes, labels = _read_target(whole.column(task.target), task)
    if labels is None and task.config.balance_classes:
        progress.log("balance_classes changes nothing: a regression has no classes")
    columns = _read_columns(whole, task, numbering, progress)
    parts = _split(whole, learned, codes, labels, task)
    codes, labels, parts = _known_labels(codes, labels, parts, task, progress)
    training, held_out = parts
    if labels is not None:
        _check_what_is_left(codes[training], labels, task, progress)
    return Table(
        columns=columns,
        target=codes,
        labels=labels,
        training=training,
        held_out=held_out,
        positive=_find_positive(codes, labels, task),
        order=rows.read_order(whole, task.config),
        weights=rows.read_weights(whole, task.config.weight_column),
    )


def _split(
    whole: pa.Table,
    learned: int,
    codes: np.ndarray,
    labels: list[Any] | None,
    task: Task,
) -> Split:
    if task.test_table:
        return np.arange(learned), np.arange(learned, len(whole))
    order = rows.read_order(whole, task.config)
    return hold_out(codes, len(labels or ()), task.config.seed, order)


def _known_labels(
    codes: np.ndarray, labels: list[Any] | None, parts: Split, task: Task, progress: Progress
) -> tuple[np.ndarray, list[Any] | None, Split]:
    """Leave out labels that no row to learn from has: no model can give them."""
    if labels is None:
        return codes, labels, parts
    training, held_out = parts
    sizes = np.bincount(codes[training], minlength=len(labels))
    if sizes.all():
        return codes, labels, parts
    kept = np.flatnonzero(sizes)
    left = held_out[sizes[codes[held_out]] > 0]
    unknown = ", ".join(label_text(labels[one]) for one in np.flatnonzero(sizes == 0)[:_LOGGED])
    progress.log(
        f"left out {len(held_out) - len(left)} rows to test on, whose {task.target} no row to "
        f"learn from has: {unknown}"
    )
    if len(kept) < BINARY or not len(left):
        raise TrainingRefused(
            f"the rows to learn from have {len(kept)} values of the target {task.target!r}, and "
            f"{len(left)} rows to test on have one of those: choose another split"
        )
    places = np.zeros(len(labels), dtype=codes.dtype)
    places[kept] = np.arange(len(kept))
    return places[codes], [labels[one] for one in kept], (training, left)


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
    if counts[-2] < rows.MIN_ROWS // 2:
        raise TrainingRefused(
            f"a classification needs at least {rows.MIN_ROWS // 2} rows of one value of the target "
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
    table: pa.Table, task: Task, numbering: set[str], progress: Progress
) -> list[Column]:
    config = task.config
    columns: list[Column] = []
    unusable: dict[str, str] = {}
    group = config.split_column if config.split == "group" else None
    others = {task.target, config.weight_column, group, *config.ignored_columns}
    for name in config.features or table.column_names:
        if name in others:
            continue
        kind = config.column_kinds.get(name)
        # Who names a column knows what it is.
        if name in numbering and kind is None and not config.features:
            unusable[name] = "numbers the rows"
            continue
        try:
            values = table.column(name)
            columns.append(read_as(name, values, kind) if kind else read_column(name, values))
        except Unusable as why:
            if kind:
                raise TrainingRefused(f"the column {name!r} is no {kind}: it {why}") from why
            unusable[name] = str(why)
    asked = sorted({*config.ignored_columns, *filter(None, (config.weight_column, group))})
    if asked:
        progress.log(f"does not learn from, as was asked for: {', '.join(asked[:_LOGGED])}")
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
