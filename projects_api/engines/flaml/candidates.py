"""Candidates: models measured on held-out rows, explained, and written to their files."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from projects_api.engines import model_files
from projects_api.engines.decision import BINARY, Decision
from projects_api.engines.evaluation import evaluate, loss, score
from projects_api.engines.flaml.explanation import explain
from projects_api.engines.flaml.fitting import predict
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.flaml.validation import Validated
from projects_api.engines.interface import CROSS_VALIDATED, THRESHOLD, Candidate
from projects_api.engines.labels import label_text


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a fitted model; `seconds` is how long its fit took."""

    name: str
    model_type: str
    parameters: dict[str, Any]
    seconds: float
    validated: Validated


def make(model: Any, shared: Shared, about: About) -> Candidate:
    """Make a candidate of a fitted model."""
    data, decision = shared.data, about.validated.decision
    predicted = predict(model, data.held_out, data.label_count)
    metrics = _metrics(predicted, shared, about.validated)
    path = shared.folder / f"{about.name}.skops"
    told = {
        "name": about.name,
        "signature": shared.signature,
        "threshold": metrics.get(THRESHOLD),
    }
    model_files.save(Pipeline([("prepare", data.preparation), ("model", model)]), path, told)
    labels = None if data.labels is None else [label_text(label) for label in data.labels]
    return Candidate(
        name=about.name,
        model_type=about.model_type,
        engine="flaml",
        rank=0,
        is_best=False,
        metrics=metrics,
        parameters=about.parameters,
        explanation=_explain(model, shared, decision),
        evaluation=evaluate(data.held_out_target, predicted, labels, decision),
        training_seconds=about.seconds,
        path=path,
        media_type=model_files.MEDIA_TYPE,
    )


def _metrics(predicted: np.ndarray, shared: Shared, validated: Validated) -> dict[str, float]:
    """Measure on the held-out rows; what the cross validation told stands beside."""
    data, by, decision = shared.data, shared.sort_metric, validated.decision
    weights = data.held_out_weights
    target = data.held_out_target
    metrics = score(target, predicted, data.label_count, decision=decision, weights=weights)
    if data.label_count == BINARY:
        metrics[THRESHOLD] = decision.threshold
    if validated.calibration_error is not None:
        metrics[f"{CROSS_VALIDATED}ece"] = validated.calibration_error
    if by in validated.scores:
        metrics[f"{CROSS_VALIDATED}{by}"] = validated.scores[by]
    return metrics


def _explain(model: Any, shared: Shared, decision: Decision) -> dict[str, Any]:
    data, by = shared.data, shared.sort_metric
    weights = data.held_out_weights

    def ask(values: np.ndarray) -> np.ndarray:
        return predict(model, values, data.label_count)

    def measure(answers: np.ndarray, rows: np.ndarray) -> float:
        weigh = None if weights is None else weights[rows]
        target = data.held_out_target[rows]
        told = score(target, answers, data.label_count, [by], decision, weights=weigh)
        return loss(by, told.get(by))

    return explain(model, data, ask, measure, shared.seed)
