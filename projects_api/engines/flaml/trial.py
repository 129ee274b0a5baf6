"""The calls that a trial is made of: plain functions, which run in any process."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from flaml.automl.task.factory import task_factory
from flaml.automl.task.task import Task as FlamlTask

from projects_api.engines.flaml import candidates
from projects_api.engines.flaml.fitting import Clock, affordable, fit, predict, trees
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.flaml.validation import Validated
from projects_api.engines.interface import Candidate
from projects_api.engines.training_data import Fold, TrainingData

Config = dict[str, Any]

_CELLS_TO_MEASURE = 500_000
_MEASURED_SHARE = 0.1
_FIRST_TREES = 4


@dataclass(frozen=True, slots=True)
class Named:
    """A model that is to be made: its names, and what its cross validation told."""

    name: str
    model_type: str
    validated: Validated


def is_measured(config: Config, data: TrainingData) -> bool:
    """Tell whether there may be too little time for all trees; else time is no matter."""
    is_small = data.values.size < _CELLS_TO_MEASURE
    return "learning_rate" in config and not is_small and bool(data.folds)


def measure(shared: Shared, learner: str, config: Config, seconds: float) -> Config:
    """Find by a part of the time what of a booster's settings there is time for.

    A fit that this cuts short tells how many trees all others will have; settings that it does
    not cut are left as they are. `seconds` are those of the whole trial.
    """
    clock = Clock(seconds)
    _fit_fold(shared, learner, {**config, "n_estimators": 1}, 0, seconds)
    first = seconds - clock.left()  # what is done once, whatever trees follow
    allowed = max(_MEASURED_SHARE * seconds, _FIRST_TREES * first)
    ready = trees(_fit_fold(shared, learner, config, 0, allowed))
    if ready is None or ready >= config["n_estimators"]:
        return config
    each = max(seconds - clock.left() - 2 * first, 0) / max(ready - 1, 1)
    left = clock.left() / (len(shared.data.folds) + 1) - first
    possible = 1 + int(left / each) if each else config["n_estimators"]
    return affordable(config, possible) if possible < config["n_estimators"] else config


def validate(
    shared: Shared, learner: str, config: Config, number: int, seconds: float
) -> np.ndarray:
    """Ask a model about the rows of a fold that it has not seen."""
    model = _fit_fold(shared, learner, config, number, seconds)
    return predict(model, shared.data.folds[number].validated_values, shared.data.label_count)


def finish(shared: Shared, learner: str, config: Config, named: Named, seconds: float) -> Candidate:
    """Fit a model on all rows, measure it, and write its file."""
    clock = Clock(0)
    model = _fit(shared, learner, config, None, seconds)
    taken = clock.spent()
    if calibration := named.validated.calibration:
        model = calibration.of(model)
    about = candidates.About(named.name, named.model_type, config, taken, named.validated)
    return candidates.make(model, shared, about)


def _fit_fold(shared: Shared, learner: str, config: Config, number: int, seconds: float) -> Any:
    fold = shared.data.folds[number]
    return _fit(shared, learner, config, fold, seconds)


def _fit(shared: Shared, learner: str, config: Config, fold: Fold | None, seconds: float) -> Any:
    """Fit on what a fold fits on, or on all rows where there is none."""
    data = shared.data
    rows = fold.fitted if fold else slice(None)
    return fit(
        learner,
        task=_task(shared.kind),
        config=config,
        values=fold.fitted_values if fold else data.values,
        target=data.target[rows],
        weights=None if data.weights is None else data.weights[rows],
        seed=shared.seed,
        seconds=seconds,
        most_threads=shared.threads,
        device=shared.devices.get(learner, {}),
    )


@cache
def _task(kind: str) -> FlamlTask:
    return task_factory(kind)
