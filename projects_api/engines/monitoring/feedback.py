"""Feedback: how good answers were, by the truths that came back. Loads scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from projects_api.engines.decision import Decision
from projects_api.engines.evaluation import BY_CHOICE, score
from projects_api.engines.labels import find_place, label_places
from projects_api.engines.monitoring.answers import Answer


@dataclass(frozen=True, slots=True)
class _Answered(Decision):
    """Chooses what was answered: deployments and requests may have had other thresholds."""

    chosen: np.ndarray = field(kw_only=True)

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the place of the label that was answered, whatever the probabilities are."""
        del probabilities
        return self.chosen


def measure(
    signature: Mapping[str, Any], held_out: Mapping[str, float], answers: Sequence[Answer]
) -> dict[str, Any] | None:
    """Measure answers whose truth is known; `held_out` are the metrics of the model's test.

    Gives the number of those rows, all metrics that are defined for them, and of the test the same
    ones. `None` where no truth is known.
    """
    known = [one for one in answers if one["truth"] is not None]
    if not known:
        return None
    truths = np.array([one["truth"] for one in known])
    predicted = np.array([one["prediction"] for one in known])
    labels = signature["labels"]
    if labels is None:
        told = score(truths, predicted, 0)
    else:
        told = _of_labels(signature, truths.astype(int), predicted.astype(int), known)
    return {
        "rows": len(known),
        "metrics": told,
        "held_out": {name: held_out[name] for name in told if name in held_out},
    }


def _of_labels(
    signature: Mapping[str, Any], truths: np.ndarray, chosen: np.ndarray, known: Sequence[Answer]
) -> dict[str, float]:
    labels = signature["labels"]
    positive = find_place(label_places(labels), signature.get("positive_label"))
    decision = _Answered(1 if positive is None else positive, chosen=chosen)
    if any(one["probabilities"] is None for one in known):
        nothing = np.broadcast_to(0.0, (len(known), len(labels)))  # takes no memory
        return score(truths, nothing, len(labels), BY_CHOICE, decision)
    probabilities = np.array([one["probabilities"] for one in known])
    return score(truths, probabilities, len(labels), decision=decision)
