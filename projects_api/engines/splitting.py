"""Splitting: which rows models learn from, which are held out, and which validate in a fold.

`random` is by chance, of each label as far as possible. `time` holds out the latest rows, and folds
go forward: what validates is later than what is fitted on. `group` has no group on both sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from projects_api.engines.interface import TrainingRefused

HELD_OUT = 0.2
_PARTS = round(1 / HELD_OUT)
Split = tuple[np.ndarray, np.ndarray]
"""The numbers of two parts of the rows, the second of which is not learnt from."""


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are split by: of each row a moment (`time`), or the number of its group."""

    split: str
    of_row: np.ndarray

    def of(self, rows: np.ndarray) -> "Order":
        """Take some of the rows."""
        return Order(self.split, self.of_row[rows])


def hold_out(target: np.ndarray, label_count: int, seed: int, order: Order | None = None) -> Split:
    """Hold out a fifth of the rows; the same for every engine.

    By time it is the fifth nearest to that which rows of one moment, that stay together, leave.
    Raises `TrainingRefused`.
    """
    if order is None:
        return _hold_out_by_chance(target, label_count, seed)
    if order.split == "time":
        return _latest(order.of_row, HELD_OUT)
    return next(_group_folds(target, label_count, _PARTS, seed, order.of_row))


def fold(
    target: np.ndarray, label_count: int, count: int, seed: int, order: Order | None = None
) -> Iterator[Split]:
    """Fold the rows to learn from into so many parts; below 2, set one fifth aside instead.

    Raises `TrainingRefused`.
    """
    if order is None:
        yield from _fold_by_chance(target, label_count, count, seed)
    elif order.split == "time":
        yield from _forward(order.of_row, count)
    elif count < 2:  # noqa: PLR2004 - one validation part instead of folds
        yield next(_group_folds(target, label_count, _PARTS, seed, order.of_row))
    else:
        yield from _group_folds(target, label_count, count, seed, order.of_row)


def _latest(moments: np.ndarray, share: float) -> Split:
    """Cut between two moments, so that the later part is as near to a share as can be."""
    sorted_moments = np.sort(moments)
    cuts = np.flatnonzero(np.diff(sorted_moments)) + 1
    if not len(cuts):
        raise TrainingRefused("the split_column has the same moment in every row")
    wanted = len(moments) - round(share * len(moments))
    first = sorted_moments[cuts[np.abs(cuts - wanted).argmin()]]
    return np.flatnonzero(moments < first), np.flatnonzero(moments >= first)


def _forward(moments: np.ndarray, count: int) -> Iterator[Split]:
    """Fold as `TimeSeriesSplit` does; what is fitted on is earlier than all that validates."""
    if count < 2:  # noqa: PLR2004 - one validation part instead of folds
        yield _latest(moments, HELD_OUT)
        return
    order = np.argsort(moments, kind="stable")
    for _, places in TimeSeriesSplit(min(count, len(moments) - 1)).split(order):
        validated = order[places]
        fitted = np.flatnonzero(moments < moments[validated].min())
        if len(fitted):
            yield fitted, np.sort(validated)


def _group_folds(
    target: np.ndarray, label_count: int, count: int, seed: int, groups: np.ndarray
) -> Iterator[Split]:
    """Fold so that no group is on both sides, and of each label as far as groups allow."""
    known = len(np.unique(groups))
    if known < 2:  # noqa: PLR2004 - nothing to split
        raise TrainingRefused("the split_column has a single group left: nothing to test on")
    count = min(count, known)
    most = int(np.bincount(target).max()) if label_count else 0
    if label_count and count <= most:
        stratified = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        yield from stratified.split(target, target, groups)
    else:
        yield from GroupKFold(count, shuffle=True, random_state=seed).split(target, None, groups)


def _hold_out_by_chance(target: np.ndarray, label_count: int, seed: int) -> Split:
    rows = np.arange(len(target))
    if not label_count:
        training, held_out = train_test_split(rows, test_size=HELD_OUT, random_state=seed)
        return np.sort(training), np.sort(held_out)
    alone = np.bincount(target)[target] < 2  # noqa: PLR2004 - nothing to split
    common = rows[~alone]
    size = max(round(HELD_OUT * len(common)), len(np.unique(target[common])))
    training, held_out = train_test_split(
        common, test_size=size, random_state=seed, stratify=target[common]
    )
    return np.sort(np.concatenate([training, rows[alone]])), np.sort(held_out)


def _fold_by_chance(target: np.ndarray, label_count: int, count: int, seed: int) -> Iterator[Split]:
    """Fold rows, of each label as far as possible; a label's only row is fitted on.

    There are no more folds than rows of the second most frequent label, so that each fold can tell
    two apart.
    """
    rows = np.arange(len(target))
    count = min(count, len(target))
    if not label_count:
        halves = ShuffleSplit(1, test_size=HELD_OUT, random_state=seed)
        whole = KFold(count, shuffle=True, random_state=seed) if count > 1 else halves
        yield from whole.split(rows)
        return
    sizes = np.bincount(target, minlength=label_count)
    count = min(count, int(np.sort(sizes)[-2]))
    rare = sizes[target] < 2  # noqa: PLR2004 - nothing to split
    common = rows[~rare]
    stratified = StratifiedKFold(max(count, 2), shuffle=True, random_state=seed)
    for fitted, validated in stratified.split(common, target[common]):
        yield np.sort(np.concatenate([common[fitted], rows[rare]])), common[validated]
        if count < 2:  # noqa: PLR2004 - one validation part instead of folds
            return
