"""Decision: which label a model chooses by its probabilities.

Of two labels one is the positive one: the metrics of found and missed rows are about it, and it is
chosen where its probability reaches a threshold. Of more, the likeliest is chosen.
"""

from dataclasses import dataclass

import numpy as np

from projects_api.engines.interface import TrainingConfig

BINARY = 2
PLAIN_THRESHOLD = 0.5
_UNEVEN_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Decision:
    """The place of the positive label, and from which probability on it is chosen."""

    positive: int = 1
    threshold: float = PLAIN_THRESHOLD

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the place of the chosen label for each row of probabilities."""
        if probabilities.shape[1] != BINARY:
            return np.asarray(probabilities.argmax(axis=1))
        reached = probabilities[:, self.positive] >= self.threshold
        return np.where(reached, self.positive, 1 - self.positive)


def aim(config: TrainingConfig, target: np.ndarray) -> str:
    """Tell what the threshold of a training shall be best at; `none` keeps it at a half.

    Without a wish it is F1 where the rarer of the two labels has less than a third of the rows: at
    a half, many a model would never choose it. Balanced labels are even.
    """
    if config.threshold_metric != "auto":
        return config.threshold_metric
    is_even = np.bincount(target).min() >= _UNEVEN_SHARE * len(target)
    return "none" if is_even or config.balance_classes else "f1"


def best_threshold(
    right: np.ndarray, probability: np.ndarray, metric: str, weights: np.ndarray | None = None
) -> float:
    """Find the threshold at which a metric is best; the nearest to a half of several.

    `right` tells of each row whether it is positive. The threshold stands in the middle between
    two probabilities, so that neither the last digits nor their rounding decide.
    """
    if metric == "none" or right.all() or not right.any():
        return PLAIN_THRESHOLD
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    weight = np.ones(len(right)) if weights is None else weights
    found = np.cumsum(weight[order] * right[order])[ends]
    wrong = np.cumsum(weight[order] * ~right[order])[ends]
    positive, negative = weight[right].sum(), weight[~right].sum()
    value = {
        "f1": 2 * found / (found + wrong + positive),
        "accuracy": (found + negative - wrong) / weight.sum(),
        "mean_per_class_error": found / positive - wrong / negative,
    }[metric]
    last = probability[order][ends]
    thresholds = (last + np.append(last[1:], 0)) / 2
    best = np.flatnonzero(value >= value.max() - 1e-12)
    nearest = best[np.abs(thresholds[best] - PLAIN_THRESHOLD).argmin()]
    return float(thresholds[nearest])
