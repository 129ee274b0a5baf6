"""What a model answered in use: how it is kept, and how far it is from the model's test.

An answer is kept as a number: for a regression the prediction, else the place of the label among
the model's labels, with the probabilities in their order. Loads no machine learning library.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from projects_api.engines.labels import find_place, label_places, label_text
from projects_api.engines.monitoring import drift, heaps

MAX_LABELS = 100
"""Of a model with more labels no probabilities are kept: what is kept of a row has a bound."""
NAME = "prediction"
_BINARY = 2


class Answer(TypedDict):
    """What a model said of a row, and what was true, if anybody has told it."""

    prediction: float
    probabilities: list[float] | None
    truth: float | None


def as_kept(
    signature: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Make of predictions, as `Predictor.predict` gives them, what is kept of each."""
    labels = signature["labels"]
    if labels is None:
        return [{"prediction": one["prediction"], "probabilities": None} for one in predictions]
    places = label_places(labels)
    return [
        {
            "prediction": places[label_text(one["prediction"])],
            "probabilities": list(one["probabilities"].values())
            if len(labels) <= MAX_LABELS
            else None,
        }
        for one in predictions
    ]


def measure(
    signature: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any],
    threshold: float | None,
    answers: Sequence[Answer],
) -> dict[str, Any] | None:
    """Compare answers with those of the model's test on held-out rows, as drift of one feature.

    `threshold` is the model's own: with it labels are compared, whatever a deployment or a request
    chose them by. `None` where nobody has kept answers, or the test. `reference_rows` tells of how
    many rows the test was: of fewer than answers need, no number of answers is enough.
    """
    known = None if signature is None else _known(signature, evaluation)
    if signature is None or known is None or not answers:
        return None
    held_out = evaluation["rows"]
    enough = min(len(answers), held_out) >= drift.MINIMUM_ROWS
    values = _values(signature, threshold, answers)
    measured = drift.measure_feature(NAME, known, values, enough=enough)
    return {**measured, "reference_rows": held_out}


def _known(signature: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give how the held-out rows' predictions are spread, as a reference gives it of an input."""
    if signature["labels"] is None:
        sample = sorted(predicted for predicted, _ in evaluation.get("residuals") or ())
        counts = Counter(sample)
        if not sample:
            return None
        found = heaps.build(list(counts), list(counts.values()))
        return {"kind": "number", "heaps": found, "sample": sample, "missing": 0}
    confusion = evaluation.get("confusion")
    if not confusion or not confusion["labels"]:
        return None
    totals = [sum(column) for column in zip(*confusion["matrix"], strict=True)]
    counts_of = dict(zip(confusion["labels"], totals, strict=True))
    return {"kind": "category", "counts": counts_of, "other": 0, "missing": 0}


def _values(
    signature: Mapping[str, Any], threshold: float | None, answers: Sequence[Answer]
) -> list[Any]:
    labels = signature["labels"]
    if labels is None:
        return [one["prediction"] for one in answers]
    texts = [label_text(label) for label in labels]
    positive = find_place(label_places(labels), signature.get("positive_label"))
    if len(labels) != _BINARY or threshold is None or positive is None:
        return [texts[int(one["prediction"])] for one in answers]
    return [texts[_chosen(one, positive, threshold)] for one in answers]


def _chosen(answer: Answer, positive: int, threshold: float) -> int:
    probabilities = answer["probabilities"]
    if probabilities is None:
        return int(answer["prediction"])
    return positive if probabilities[positive] >= threshold else 1 - positive
