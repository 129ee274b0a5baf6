"""A training's rows, prepared once for all of its models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.utils.class_weight import compute_sample_weight

from projects_api.engines import preparation
from projects_api.engines.decision import BINARY, Decision, aim, best_threshold
from projects_api.engines.interface import TrainingConfig
from projects_api.engines.table import Table

_VALIDATED = 0.2
_PARTS = round(1 / _VALIDATED)
_CELL_BYTES = 8
_MANY_ROWS = 100_000
_LEAST_CELLS = 500_000
_CELLS_AN_HOUR = 10_000_000
_MOST_BYTES = 1 << 29
"""Of a larger table there are fewer folds, since each keeps the rows as it has prepared them."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of a cross validation: rows to fit on and rows to validate, each by its number.

    The values are prepared by what the fitted rows alone tell: the mean of the target for each
    category, for example, would know the answers of the validated rows.
    """

    fitted: np.ndarray
    validated: np.ndarray
    fitted_values: np.ndarray
    validated_values: np.ndarray


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What models learn from (`values`, `target`, `weights`) and are tested on (`held_out`).

    The targets are numbers, or the places of labels; `made_of` tells of which column (by place in
    `names`) each column of the values is made.
    """

    preparation: ColumnTransformer
    names: list[str]
    made_of: np.ndarray
    labels: list[Any] | None
    values: np.ndarray
    target: np.ndarray
    weights: np.ndarray | None
    held_out: np.ndarray
    held_out_target: np.ndarray
    folds: list[Fold]
    positive: int
    threshold_metric: str

    @property
    def label_count(self) -> int:
        """How many labels there are; 0 for regression."""
        return len(self.labels or ())

    def decide(self, answers: Sequence[tuple[np.ndarray, np.ndarray]]) -> Decision:
        """Find how to choose of two labels, by targets and what a model said of unseen rows."""
        if self.label_count != BINARY or not answers:
            return Decision(self.positive)
        right = np.concatenate([target for target, _ in answers]) == self.positive
        probability = np.concatenate([predicted[:, self.positive] for _, predicted in answers])
        return Decision(self.positive, best_threshold(right, probability, self.threshold_metric))


def prepare(table: Table, config: TrainingConfig) -> TrainingData:
    """Fit the preparation on the training rows, and apply it to all."""
    frame = table.frame()
    label_count = len(table.labels or ())
    target = table.target[table.training]
    rows = frame.iloc[table.training]
    transformer = preparation.build(table.columns, label_count, config.seed, target)
    values = transformer.fit_transform(rows, target)
    balanced = config.balance_classes and label_count
    return TrainingData(
        preparation=transformer,
        names=[column.name for column in table.columns],
        made_of=preparation.sources(transformer),
        labels=table.labels,
        values=values,
        target=target,
        weights=compute_sample_weight("balanced", target) if balanced else None,
        held_out=transformer.transform(frame.iloc[table.held_out]),
        held_out_target=table.target[table.held_out],
        folds=list(_prepare_folds(table, rows, target, config, values.nbytes)),
        positive=table.positive,
        threshold_metric=aim(config, target) if label_count == BINARY else "none",
    )


def _prepare_folds(
    table: Table, rows: pd.DataFrame, target: np.ndarray, config: TrainingConfig, size: int
) -> Iterator[Fold]:
    label_count = len(table.labels or ())
    most = max(1, _MOST_BYTES // max(size, 1))
    if _is_one_part_enough(len(target), size // _CELL_BYTES, config):
        config, most = replace(config, nfolds=_PARTS), 1
    for fitted, validated in islice(_fold(target, label_count, config), most):
        transformer = preparation.build(table.columns, label_count, config.seed, target[fitted])
        yield Fold(
            fitted,
            validated,
            transformer.fit_transform(rows.iloc[fitted], target[fitted]),
            transformer.transform(rows.iloc[validated]),
        )


def _is_one_part_enough(rows: int, cells: int, config: TrainingConfig) -> bool:
    """Tell whether one validation part says enough of a table, and folds would cost too much.

    Of many rows one part has enough to compare models. Otherwise the time that the search has
    decides, not how fast the machine is: the same task gives the same leaderboard.
    """
    affordable = max(_LEAST_CELLS, _CELLS_AN_HOUR * config.max_runtime_secs / 3600)
    return rows >= _MANY_ROWS or cells > affordable


def _fold(
    target: np.ndarray, label_count: int, config: TrainingConfig
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Fold the training rows, of each label as far as possible; a label's only row is fitted on.

    There are no more folds than rows of the second most frequent label, so that each fold can tell
    two apart.
    """
    rows = np.arange(len(target))
    count = min(config.nfolds, len(target))
    if not label_count:
        whole = (
            KFold(count, shuffle=True, random_state=config.seed) if count > 1 else _halve(config)
        )
        yield from whole.split(rows)
        return
    sizes = np.bincount(target, minlength=label_count)
    count = min(count, int(np.sort(sizes)[-2]))
    rare = sizes[target] < 2  # noqa: PLR2004 - nothing to split
    common = rows[~rare]
    stratified = StratifiedKFold(max(count, 2), shuffle=True, random_state=config.seed)
    for fitted, validated in stratified.split(common, target[common]):
        yield np.sort(np.concatenate([common[fitted], rows[rare]])), common[validated]
        if count < 2:  # noqa: PLR2004 - one validation part instead of folds
            return


def _halve(config: TrainingConfig) -> ShuffleSplit:
    return ShuffleSplit(1, test_size=_VALIDATED, random_state=config.seed)
