"""Validation: what a model's answers about rows that it has not seen tell of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from projects_api.engines.calibration import Answers, Calibration, calibrate, calibration_error
from projects_api.engines.decision import Decision
from projects_api.engines.evaluation import score
from projects_api.engines.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class Validated:
    """What a cross validation tells of a model; `answers` are what it said, mended or not."""

    scores: dict[str, float]
    decision: Decision
    calibration: Calibration | None
    calibration_error: float | None
    answers: Answers


def judge(answers: Answers, data: TrainingData, names: Iterable[str], *, mends: bool) -> Validated:
    """Mean metrics over the folds in which they are defined, and how to say labels.

    `mends` tells whether probabilities may be calibrated.
    """
    weights, count = data.row_weights, data.label_count
    weigh = [None if weights is None else weights[fold.validated] for fold in data.folds]
    calibration, error = None, None
    if count and answers and mends:
        calibration, answers = calibrate(answers, weigh)
    if count and answers:
        error = calibration_error(answers, weigh)
    known = [one for one in weigh if one is not None]
    decision = data.decide(answers, np.concatenate(known) if known else None)
    told: dict[str, list[float]] = {name: [] for name in names}
    for (target, predicted), of in zip(answers, weigh, strict=True):
        scores = score(target, predicted, count, list(told), decision, weights=of)
        for name, value in scores.items():
            told[name].append(value)
    means = {name: float(np.mean(values)) for name, values in told.items() if values}
    return Validated(means, decision, calibration, error, answers)
