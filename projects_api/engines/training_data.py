"""A training's rows, prepared once for all of its models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.utils.class_weight import compute_sample_weight

from projects_api.engines import preparation
from projects_api.engines.decision import BINARY, Decision, aim, best_threshold
from projects_api.engines.interface import TrainingConfig
from projects_api.engines.splitting import fold
from projects_api.engines.table import Table

_PARTS = 5
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

    `row_weights` and `held_out_weights` are what rows weigh in metrics; in a fit rare labels may
    weigh more besides.

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
    row_weights: np.ndarray | None
    held_out: np.ndarray
    held_out_target: np.ndarray
    held_out_weights: np.ndarray | None
    folds: list[Fold]
    positive: int
    threshold_metric: str

    @property
    def label_count(self) -> int:
        """How many labels there are; 0 for regression."""
        return len(self.labels or ())

    def decide(
        self, answers: Sequence[tuple[np.ndarray, np.ndarray]], weights: np.ndarray | None = None
    ) -> Decision:
        """Find how to choose of two labels, by targets and what a model said of unseen rows.

        `weights` are of those rows, one after the other.
        """
        if self.label_count != BINARY or not answers:
            return Decision(self.positive)
        right = np.concatenate([target for target, _ in answers]) == self.positive
        probability = np.concatenate([predicted[:, self.positive] for _, predicted in answers])
        best = best_threshold(right, probability, self.threshold_metric, weights)
        return Decision(self.positive, best)


def prepare(table: Table, config: TrainingConfig) -> TrainingData:
    """Fit the preparation on the training rows, and apply it to all."""
    frame = table.frame()
    label_count = len(table.labels or ())
    target = table.target[table.training]
    rows = frame.iloc[table.training]
    transformer = preparation.build(table.columns, label_count, config.seed, target)
    values = transformer.fit_transform(rows, target)
    weights = None if table.weights is None else table.weights[table.training]
    balanced = config.balance_classes and label_count
    return TrainingData(
        preparation=transformer,
        names=[column.name for column in table.columns],
        made_of=preparation.sources(transformer),
        labels=table.labels,
        values=values,
        target=target,
        weights=_fit_weights(target, weights) if balanced else weights,
        row_weights=weights,
        held_out=transformer.transform(frame.iloc[table.held_out]),
        held_out_target=table.target[table.held_out],
        held_out_weights=None if table.weights is None else table.weights[table.held_out],
        folds=list(_prepare_folds(table, rows, target, config, values.nbytes)),
        positive=table.positive,
        threshold_metric=aim(config, target) if label_count == BINARY else "none",
    )


def _fit_weights(target: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Let each label weigh the same, times what its rows weigh."""
    balanced = np.asarray(compute_sample_weight("balanced", target))
    return balanced if weights is None else balanced * weights


def _prepare_folds(
    table: Table, rows: pd.DataFrame, target: np.ndarray, config: TrainingConfig, size: int
) -> Iterator[Fold]:
    label_count = len(table.labels or ())
    most = max(1, _MOST_BYTES // max(size, 1))
    if _is_one_part_enough(len(target), size // _CELL_BYTES, config):
        config, most = replace(config, nfolds=_PARTS), 1
    order = table.order and table.order.of(table.training)
    folds = fold(target, label_count, config.nfolds, config.seed, order)
    if order:
        folds = (one for one in folds if _tells_all_apart(target, label_count, *one))
    for fitted, validated in islice(folds, most):
        transformer = preparation.build(table.columns, label_count, config.seed, target[fitted])
        yield Fold(
            fitted,
            validated,
            transformer.fit_transform(rows.iloc[fitted], target[fitted]),
            transformer.transform(rows.iloc[validated]),
        )


def _tells_all_apart(
    target: np.ndarray, label_count: int, fitted: np.ndarray, _validated: np.ndarray
) -> bool:
    """Tell whether a fold fits on rows of every label: else its model would not know all."""
    return not label_count or len(np.unique(target[fitted])) == label_count


def _is_one_part_enough(rows: int, cells: int, config: TrainingConfig) -> bool:
    """Tell whether one validation part says enough of a table, and folds would cost too much.

    Of many rows one part has enough to compare models. Otherwise the time that the search has
    decides, not how fast the machine is: the same task gives the same leaderboard.
    """
    affordable = max(_LEAST_CELLS, _CELLS_AN_HOUR * config.max_runtime_secs / 3600)
    return rows >= _MANY_ROWS or cells > affordable
