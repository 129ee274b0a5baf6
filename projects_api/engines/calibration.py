"""Calibration: probabilities that are true of unseen rows, where a model's own are not.

What the models of a cross validation said of the rows that they had not seen tells how far their
probabilities are from what happens, and how to mend that: by Platt's sigmoid of the log-odds or by
isotonic regression, as scikit-learn fits them. Of the probability itself, a sigmoid would leave a
model that can never be sure, whatever it sees. Mended are those whose log loss gets smaller on
folds that had no part in the mending. `Calibrated` is stored in model files by its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from projects_api.engines.decision import BINARY
from projects_api.engines.evaluation import score

_BINS = 10
_LEAST_ROWS = {"logistic": 100, "isotonic": 1000}
"""Of fewer, what is learnt says more of them than of others."""
_LEAST_OF_LABEL = 10
_LEAST_GAIN = 0.002  # of the log loss: what is within chance is left alone
_PARTS = 5
_LEAST_PROBABILITY = 1e-12  # whose log-odds are finite
Answers = Sequence[tuple[np.ndarray, np.ndarray]]
"""Of each fold, the right labels by their places and the probabilities that were said."""


class Calibrated(ClassifierMixin, BaseEstimator):
    """A model and what mends its probabilities: a curve for each label, or for the second of two.

    A curve of the method `logistic` is a pair of slope and intercept for the log-odds, one of
    `isotonic` the points between which it is straight. Older files have `sigmoid`: a slope and an
    intercept for the probability itself.
    """

    def __init__(self, model: Any, method: str, curves: list[np.ndarray]) -> None:
        self.model = model
        self.method = method
        self.curves = curves

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that it is made of what was fitted."""
        return True

    def fit(self, values: Any, target: Any) -> Self:
        """Fit the model anew; what mends it stays."""
        self.model.fit(values, target)
        return self

    @property
    def classes_(self) -> Any:
        """The labels that the model tells apart."""
        return self.model.classes_

    def predict_proba(self, values: Any) -> np.ndarray:
        """Return mended probabilities for each row and label."""
        return mend(self.model.predict_proba(values), self.method, self.curves)

    def predict(self, values: Any) -> np.ndarray:
        """Return the likeliest label of each row."""
        labels = np.asarray(self.classes_)
        return np.asarray(labels[self.predict_proba(values).argmax(axis=1)])


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to mend the probabilities of a model, and the log losses of before and after."""

    method: str
    curves: list[np.ndarray]
    before: float
    after: float

    def of(self, model: Any) -> Calibrated:
        """Mend what a model says."""
        return Calibrated(model, self.method, self.curves)

    def told(self) -> str:
        """Tell of it, for the end of a line of a log."""
        return f"; calibrated ({self.method}): log loss {self.before:.5g}, now {self.after:.5g}"


class _Said(ClassifierMixin, BaseEstimator):
    """A classifier that says the probabilities that it is asked about."""

    def __init__(self, label_count: int) -> None:
        self.label_count = label_count
        self.classes_ = np.arange(label_count)

    def fit(self, _probabilities: np.ndarray, _target: np.ndarray) -> Self:
        """Learn nothing."""
        return self

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the places of the likeliest labels."""
        return np.asarray(probabilities.argmax(axis=1))

    def predict_proba(self, probabilities: np.ndarray) -> np.ndarray:
        """Return what it was given."""
        return probabilities


class _SaidByOdds(_Said):
    """The same by log-odds, which scikit-learn prefers where it fits a sigmoid."""

    def decision_function(self, probabilities: np.ndarray) -> np.ndarray:
        """Return log-odds of each label, or of the second one of two."""
        odds = _log_odds(probabilities)
        return odds[:, 1] if self.label_count == BINARY else odds


def _log_odds(said: np.ndarray) -> np.ndarray:
    said = np.clip(said, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(np.log(said) - np.log1p(-said))


def mend(said: np.ndarray, method: str, curves: Sequence[np.ndarray]) -> np.ndarray:
    """Map probabilities by curves, and let them add up to one again, as scikit-learn does."""
    count = said.shape[1]
    said = np.asarray(said, dtype=np.float64)
    first = count - len(curves)  # of two labels, the second one has the only curve
    mapped = np.column_stack(
        [_map(said[:, first + place], method, curve) for place, curve in enumerate(curves)]
    )
    if len(curves) == 1:
        return np.hstack([1 - mapped, mapped])
    whole = mapped.sum(axis=1, keepdims=True)
    even = np.full_like(mapped, 1 / count)
    return np.asarray(np.divide(mapped, whole, out=even, where=whole != 0))


def _map(said: np.ndarray, method: str, curve: np.ndarray) -> np.ndarray:
    if method in {"logistic", "sigmoid"}:
        slope, intercept = curve
        score = _log_odds(said) if method == "logistic" else said
        return np.asarray(expit(-(slope * score + intercept)))
    return np.asarray(np.interp(said, curve[0], curve[1]))


def learn_curves(
    target: np.ndarray, said: np.ndarray, method: str, weights: np.ndarray | None = None
) -> list[np.ndarray]:
    """Learn how to mend probabilities by what is right."""
    by_odds = method == "logistic"
    kind = _SaidByOdds if by_odds else _Said
    model = CalibratedClassifierCV(
        FrozenEstimator(kind(said.shape[1])), method="sigmoid" if by_odds else method, cv=2
    )
    model.fit(said, target, sample_weight=weights)
    calibrators = model.calibrated_classifiers_[0].calibrators
    if method != "isotonic":
        return [np.array([one.a_, one.b_]) for one in calibrators]
    return [np.stack([one.X_thresholds_, one.y_thresholds_]) for one in calibrators]


def calibrate(
    answers: Answers, weights: Sequence[np.ndarray | None]
) -> tuple[Calibration | None, Answers]:
    """Find how to mend a model's probabilities, by what its folds said; None where nothing helps.

    The answers come back mended, each fold's by curves that the other folds taught.
    """
    parts, weigh = _parts(answers, weights)
    found: Calibration | None = None
    best = list(parts)
    before = lowest = _log_loss(parts, weigh)
    for method, least in _LEAST_ROWS.items():
        if sum(len(target) for target, _ in parts) < least or not _has_enough(parts):
            continue
        mended = [_mend_part(parts, weigh, place, method) for place in range(len(parts))]
        after = _log_loss(mended, weigh)
        if after < min(lowest, before * (1 - _LEAST_GAIN)):
            curves = learn_curves(*_together(parts), method, _joined(weigh))
            found, best, lowest = Calibration(method, curves, before, after), mended, after
    if found is None:
        return None, answers
    return found, best if len(answers) > 1 else [_in_order(best)]


def _parts(
    answers: Answers, weights: Sequence[np.ndarray | None]
) -> tuple[Answers, list[np.ndarray | None]]:
    """Give what each fold said; of a single one, parts of it instead."""
    if len(answers) != 1:
        return answers, list(weights)
    (target, said), weigh = answers[0], weights[0]
    cut = [np.arange(place, len(target), _PARTS) for place in range(_PARTS)]
    return (
        [(target[rows], said[rows]) for rows in cut],
        [None if weigh is None else weigh[rows] for rows in cut],
    )


def _in_order(parts: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Undo what `_parts` did with a single fold."""
    target, said = _together(parts)
    rows = len(target)
    places = np.concatenate([np.arange(place, rows, _PARTS) for place in range(_PARTS)])
    order = np.argsort(places)
    return target[order], said[order]


def _has_enough(parts: Answers) -> bool:
    """Tell whether each label is there often enough, whichever part is left out."""
    count = parts[0][1].shape[1]
    sizes = np.array([np.bincount(target, minlength=count) for target, _ in parts])
    return len(parts) > 1 and bool((sizes.sum(axis=0) - sizes).min() >= _LEAST_OF_LABEL)


def _mend_part(
    parts: Answers, weights: Sequence[np.ndarray | None], place: int, method: str
) -> tuple[np.ndarray, np.ndarray]:
    others = [one for number, one in enumerate(parts) if number != place]
    weigh = [one for number, one in enumerate(weights) if number != place]
    curves = learn_curves(*_together(others), method, _joined(weigh))
    target, said = parts[place]
    return target, mend(said, method, curves)


def _together(parts: Answers) -> tuple[np.ndarray, np.ndarray]:
    targets, said = zip(*parts, strict=True)
    return np.concatenate(targets), np.concatenate(said)


def _joined(weights: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [one for one in weights if one is not None]
    return np.concatenate(known) if known else None


def _log_loss(parts: Answers, weights: Sequence[np.ndarray | None]) -> float:
    target, said = _together(parts)
    scores = score(target, said, said.shape[1], ["logloss"], weights=_joined(weights))
    return scores["logloss"]


def calibration_error(parts: Answers, weights: Sequence[np.ndarray | None]) -> float:
    """Tell by how much the likeliest labels are likelier or less likely than they are right.

    The expected calibration error: the mean over ten bins of equal width, by the rows in them.
    """
    target, said = _together(parts)
    weigh = _joined(weights)
    weight = np.ones(len(target)) if weigh is None else weigh
    likeliest, likelihood = said.argmax(axis=1), said.max(axis=1)
    bins = np.minimum((likelihood * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=weight * ((likeliest == target) - likelihood))
    return float(np.abs(gaps).sum() / weight.sum())
