"""Candidates: models measured on held-out rows, explained, and written to their files."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from projects_api.engines import model_files
from projects_api.engines.decision import BINARY, Decision
from projects_api.engines.evaluation import evaluate, loss, score
from projects_api.engines.flaml.explanation import explain
from projects_api.engines.flaml.fitting import predict
from projects_api.engines.interface import CROSS_VALIDATED, THRESHOLD, Candidate
from projects_api.engines.labels import label_text
from projects_api.engines.training_data import TrainingData


def make(
    model: Any,
    prepared: TrainingData,
    folder: Path,
    *,
    name: str,
    model_type: str,
    parameters: dict[str, Any],
    sort_metric: str,
    validated: float | None,
    decision: Decision,
    seconds: float,
    seed: int,
    signature: dict[str, Any],
    calibration_error: float | None = None,
) -> Candidate:
    """Make a candidate of a fitted model; `validated` is its metric in the cross validation.

    `calibration_error` is that of the probabilities that it says there.
    """
    target, labels = prepared.held_out_target, prepared.labels
    predicted = predict(model, prepared.held_out, prepared.label_count)
    weights = prepared.held_out_weights
    metrics = score(target, predicted, prepared.label_count, decision=decision, weights=weights)
    if prepared.label_count == BINARY:
        metrics[THRESHOLD] = decision.threshold
    if calibration_error is not None:
        metrics[f"{CROSS_VALIDATED}ece"] = calibration_error
    if validated is not None:
        metrics[f"{CROSS_VALIDATED}{sort_metric}"] = validated

    def ask(values: np.ndarray) -> np.ndarray:
        return predict(model, values, prepared.label_count)

    def measure(answers: np.ndarray, rows: np.ndarray) -> float:
        told = score(
            target[rows],
            answers,
            prepared.label_count,
            [sort_metric],
            decision,
            weights=None if weights is None else weights[rows],
        )
        return loss(sort_metric, told.get(sort_metric))

    path = folder / f"{name}.skops"
    pipeline = Pipeline([("prepare", prepared.preparation), ("model", model)])
    about = {"name": name, "signature": signature, "threshold": metrics.get(THRESHOLD)}
    model_files.save(pipeline, path, about)
    return Candidate(
        name=name,
        model_type=model_type,
        engine="flaml",
        rank=0,
        is_best=False,
        metrics=metrics,
        parameters=parameters,
        explanation=explain(model, prepared, ask, measure, seed),
        evaluation=evaluate(
            target,
            predicted,
            None if labels is None else [label_text(label) for label in labels],
            decision,
        ),
        training_seconds=seconds,
        path=path,
        media_type=model_files.MEDIA_TYPE,
    )
