"""Evaluation: how good predictions are on rows that a model has not seen."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn import metrics
from sklearn.preprocessing import label_binarize

from projects_api.engines.decision import BINARY, Decision
from projects_api.engines.interface import SORT_METRICS

_POINTS = 100
_RESIDUALS = 500
_BINS = 10
_SMALLEST = 1e-15
_PLAIN = Decision()

Scores = dict[str, float]
Weights = np.ndarray | None
Measure = Callable[[np.ndarray, np.ndarray, Weights], float]
LabelMeasure = Callable[[np.ndarray, np.ndarray, Decision, Weights], float]


def loss(name: str, value: float | None) -> float:
    """Turn a metric into what gets smaller with better models; infinite where there is none."""
    if value is None:
        return float("inf")
    more_is_better = {**SORT_METRICS["classification"], **SORT_METRICS["regression"]}[name]
    return -value if more_is_better else value


def score(
    target: np.ndarray,
    predicted: np.ndarray,
    label_count: int,
    names: Iterable[str] | None = None,
    decision: Decision = _PLAIN,
    *,
    weights: np.ndarray | None = None,
) -> Scores:
    """Measure predictions by all metrics, or those named, as far as they are defined here.

    `predicted` holds a number for each row, or, for `label_count` labels, a probability for each
    label; `target` then holds the places of the right labels. `weights` tell how much rows weigh.
    """
    if label_count:
        told = {
            name: _LABELS[name](target, predicted, decision, weights) for name in names or _LABELS
        }
    else:
        told = {name: _NUMBERS[name](target, predicted, weights) for name in names or _NUMBERS}
    return {name: float(value) for name, value in told.items() if np.isfinite(value)}


def _of_numbers(measure: Callable[..., float]) -> Measure:
    def measured(target: np.ndarray, predicted: np.ndarray, weights: Weights) -> float:
        return measure(target, predicted, sample_weight=weights)

    return measured


def _r2(target: np.ndarray, predicted: np.ndarray, weights: Weights) -> float:
    if len(target) < 2:  # noqa: PLR2004 - nothing varies
        return np.nan
    return float(metrics.r2_score(target, predicted, sample_weight=weights))


def _rmsle(target: np.ndarray, predicted: np.ndarray, weights: Weights) -> float:
    if min(target.min(), predicted.min()) <= -1:
        return np.nan
    return float(metrics.root_mean_squared_log_error(target, predicted, sample_weight=weights))


_NUMBERS: dict[str, Measure] = {
    "rmse": _of_numbers(metrics.root_mean_squared_error),
    "mse": _of_numbers(metrics.mean_squared_error),
    "mae": _of_numbers(metrics.mean_absolute_error),
    "r2": _r2,
    "rmsle": _rmsle,
}


def _accuracy(
    target: np.ndarray, probabilities: np.ndarray, decision: Decision, weights: Weights
) -> float:
    return float(np.average(decision.choose(probabilities) == target, weights=weights))


def _log_loss(
    target: np.ndarray, probabilities: np.ndarray, _decision: Decision, weights: Weights
) -> float:
    right = probabilities[np.arange(len(target)), target]
    return float(np.average(-np.log(np.clip(right, _SMALLEST, 1)), weights=weights))


def _mean_per_class_error(
    target: np.ndarray, probabilities: np.ndarray, decision: Decision, weights: Weights
) -> float:
    wrong = decision.choose(probabilities) != target
    weight = np.ones(len(target)) if weights is None else weights
    rows = [target == label for label in np.unique(target)]
    return float(np.mean([np.average(wrong[of], weights=weight[of]) for of in rows]))


def _by_choice(measure: Callable[..., float]) -> LabelMeasure:
    """Make a metric of the chosen labels: of the positive of two, the mean over more."""

    def measured(
        target: np.ndarray, probabilities: np.ndarray, decision: Decision, weights: Weights
    ) -> float:
        is_binary = probabilities.shape[1] == BINARY
        labels = [decision.positive] if is_binary else np.unique(target)
        chosen = decision.choose(probabilities)
        how = {"labels": labels, "average": "macro", "zero_division": 0}
        return measure(target, chosen, sample_weight=weights, **how)

    return measured


def _by_label(measure: Measure) -> LabelMeasure:
    """Make a metric of the probabilities: of the positive of two, the mean over more."""

    def measured(
        target: np.ndarray, probabilities: np.ndarray, decision: Decision, weights: Weights
    ) -> float:
        count = probabilities.shape[1]
        wanted = [decision.positive] if count == BINARY else range(count)
        told = [
            measure(target == label, probabilities[:, label], weights)
            for label in wanted
            if 0 < (target == label).sum() < len(target)
        ]
        return float(np.mean(told)) if told else np.nan

    return measured


def _auc(right: np.ndarray, probability: np.ndarray, weights: Weights) -> float:
    """Area under the ROC curve, by ranks: scikit-learn's takes most of an explanation's time."""
    if weights is not None:
        return float(metrics.roc_auc_score(right, probability, sample_weight=weights))
    positive = int(right.sum())
    ranks = rankdata(probability)[right].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * (len(right) - positive)))


_LABELS: dict[str, LabelMeasure] = {
    "auc": _by_label(_auc),
    "logloss": _log_loss,
    "accuracy": _accuracy,
    "f1": _by_choice(metrics.f1_score),
    "precision": _by_choice(metrics.precision_score),
    "recall": _by_choice(metrics.recall_score),
    "aucpr": _by_label(_of_numbers(metrics.average_precision_score)),
    "mean_per_class_error": _mean_per_class_error,
}


BY_CHOICE = ("accuracy", "f1", "precision", "recall", "mean_per_class_error")
"""Metrics of the chosen labels, which need no probabilities."""


def evaluate(
    target: np.ndarray,
    predicted: np.ndarray,
    labels: list[str] | None,
    decision: Decision = _PLAIN,
) -> dict[str, Any]:
    """Draw up what a person would want to see of predictions; `labels` are texts."""
    if labels is None:
        rows = _spread(len(target), _RESIDUALS)
        return {
            "rows": len(target),
            "residuals": [[float(predicted[row]), float(target[row])] for row in rows],
        }
    numbers = range(len(labels))
    confusion = metrics.confusion_matrix(target, decision.choose(predicted), labels=numbers)
    told = [number for number in numbers if 0 < (target == number).sum() < len(target)]
    by_label = label_binarize(target, classes=[*numbers, -1])
    return {
        "rows": len(target),
        "class_balance": {
            label: int((target == number).sum()) for number, label in enumerate(labels)
        },
        "confusion": {"labels": labels, "matrix": confusion.tolist()},
        "roc": [_roc(labels[number], by_label[:, number], predicted[:, number]) for number in told],
        "precision_recall": [
            _precision_recall(labels[number], by_label[:, number], predicted[:, number])
            for number in told
        ],
        "calibration": [
            _calibration(labels[number], by_label[:, number], predicted[:, number])
            for number in told
        ],
    }


def _calibration(label: str, right: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """Compare what is said with what happens, in bins of equal width that rows fall into."""
    edges = np.linspace(0, 1, _BINS + 1)[1:-1]
    places = np.searchsorted(edges, probability)
    return {
        "label": label,
        "bins": [
            {
                "predicted": float(probability[places == place].mean()),
                "observed": float(right[places == place].mean()),
                "rows": int((places == place).sum()),
            }
            for place in np.unique(places)
        ],
    }


def _roc(label: str, right: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    false_rate, true_rate, _ = metrics.roc_curve(right, probability)
    return {
        "label": label,
        "auc": float(metrics.roc_auc_score(right, probability)),
        "points": _points(false_rate, true_rate),
    }


def _precision_recall(label: str, right: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    precision, recall, _ = metrics.precision_recall_curve(right, probability)
    return {
        "label": label,
        "average_precision": float(metrics.average_precision_score(right, probability)),
        "points": _points(recall, precision),
    }


def _points(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    return [[float(x[place]), float(y[place])] for place in _spread(len(x), _POINTS)]


def _spread(count: int, at_most: int) -> np.ndarray:
    """Choose places evenly over a sequence, its ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, at_most)).round().astype(int))
