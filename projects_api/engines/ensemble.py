"""Ensembles: the weighted mean of what several models say.

How much each of them weighs is found by what the models of the cross validation said of the rows
that they had not seen: models are added one after the other, each as often as it helps (R. Caruana
et al., Ensemble selection from libraries of models, 2004). `Ensemble` and `EnsembleOfLabels` are
stored in model files by their names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from projects_api.engines.calibration import Answers

_ROUNDS = 20
_OF_KIND = 2
_MOST_BYTES = 1 << 28


class Weighted(BaseEstimator):
    """Fitted models, and how much each of them weighs; the weights add up to one."""

    def __init__(self, models: list[Any], weights: np.ndarray) -> None:
        self.models = models
        self.weights = weights

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that it is made of what was fitted."""
        return True

    def fit(self, values: Any, target: Any) -> Self:
        """Fit the models anew; their weights stay."""
        for model in self.models:
            model.fit(values, target)
        return self


class Ensemble(RegressorMixin, Weighted):
    """The weighted mean of the numbers that models say."""

    def predict(self, values: Any) -> np.ndarray:
        """Return a number for each row."""
        return mean([model.predict(values) for model in self.models], self.weights)


class EnsembleOfLabels(ClassifierMixin, Weighted):
    """The weighted mean of the probabilities that models say."""

    @property
    def classes_(self) -> Any:
        """The labels that each of the models tells apart."""
        return self.models[0].classes_

    def predict_proba(self, values: Any) -> np.ndarray:
        """Return a probability for each row and label."""
        return mean([model.predict_proba(values) for model in self.models], self.weights)

    def predict(self, values: Any) -> np.ndarray:
        """Return the likeliest label of each row."""
        labels = np.asarray(self.classes_)
        return np.asarray(labels[self.predict_proba(values).argmax(axis=1)])


def mean(said: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of what models say, always added up in the same order."""
    total = np.zeros(np.shape(said[0]))
    for one, weight in zip(said, weights, strict=True):
        total += weight * np.asarray(one, dtype=np.float64)
    return total


def combine(answers: Sequence[Answers], weights: np.ndarray) -> Answers:
    """Return what an ensemble says of each fold, by what its models said of it."""
    return [
        (folds[0][0], mean([said for _, said in folds], weights))
        for folds in zip(*answers, strict=True)
    ]


def select(answers: Sequence[Answers], measure: Callable[[Answers], float]) -> np.ndarray:
    """Find how much each model weighs: a multiple of a twentieth at most.

    `measure` gives the loss of what is said. Where two models help alike, the first one is taken.
    """
    counts = np.zeros(len(answers))
    best, lowest = counts, float("inf")
    for _ in range(_ROUNDS):
        tried = [counts + one for one in np.eye(len(answers))]
        losses = [measure(combine(answers, one / one.sum())) for one in tried]
        counts = tried[int(np.argmin(losses))]
        if min(losses) < lowest:
            best, lowest = counts, min(losses)
    return np.asarray(best / max(best.sum(), 1))


@dataclass(frozen=True, slots=True, order=True)
class _Kept:
    """A model that may take part, sorted by its loss, and of equals the first one first."""

    loss: float
    number: int
    name: str = field(compare=False)
    kind: str = field(compare=False)
    answers: Answers = field(compare=False)


class Choice:
    """The models that an ensemble may be made of: the best two of each kind, within a bound.

    Of five kinds these are ten models at most, which bounds how long a question takes; what they
    said of the validated rows takes 256 MB at most.
    """

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._number = 0

    def take(self, name: str, kind: str, loss: float, answers: Answers) -> None:
        """Take a model by its name, with its loss and what it said of each fold."""
        if not answers or not np.isfinite(loss):
            return
        self._number += 1
        kept: list[_Kept] = []
        left = _MOST_BYTES
        for one in sorted([*self._kept, _Kept(loss, self._number, name, kind, answers)]):
            size = sum(said.nbytes for _, said in one.answers)
            if size <= left and sum(other.kind == one.kind for other in kept) < _OF_KIND:
                kept.append(one)
                left -= size
        self._kept = kept

    @property
    def lowest(self) -> float:
        """The loss of the best of them."""
        return min((one.loss for one in self._kept), default=float("inf"))

    @property
    def models(self) -> list[tuple[str, Answers]]:
        """Names and answers, the best first."""
        return [(one.name, one.answers) for one in self._kept]
