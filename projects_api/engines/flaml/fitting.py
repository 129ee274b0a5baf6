"""Fitting one model of FLAML's learners, within a time, and asking it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, MappingProxyType
from typing import Any

import joblib
import numpy as np
from flaml.automl.task.task import Task as FlamlTask
from lightgbm.basic import LightGBMError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from xgboost.core import XGBoostError

from projects_api.engines.flaml.devices import Device
from projects_api.engines.interface import STOP_SIGNAL

_CELLS_PER_THREAD = 500_000
_LEAST_SECONDS = 0.001
_TRIED_TREES = 8
_TRIED_SECONDS = 10
_CLEARLY_FASTER = 0.8  # What other work comes later costs many threads more than they gain now.
_BOOSTERS = {"lgbm", "xgb_limitdepth"}
FASTEST = 0.3
"""The rate at which the fastest of the libraries' defaults learns."""
_SURE_SHARE = 0.8  # of the rounds that there was time for, lest it runs out once more
_LINEAR = {"lrl2": {"max_iter": 300}, "enet": {"max_iter": 2000}}


class Stopped(Exception):
    """A training is to end with the models that it has."""


class OutOfTime(Exception):
    """A model was not ready when its time was over."""


def fit(
    learner: str,
    *,
    task: FlamlTask,
    config: dict[str, Any],
    values: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    seed: int,
    seconds: float,
    most_threads: int | None = None,
    device: Device = MappingProxyType({}),
) -> Any:
    """Fit a model with settings as FLAML writes them, on a `device` where a booster has one.

    Boosters whose time is over keep the trees that they have; all others raise `OutOfTime`. Fits
    large tables with all cores that the process may use; on small ones threads only wait for each
    other. The model predicts with one: the sums of several threads differ in their last digits.
    """
    learner_class = task.estimator_class_from_str(learner)
    cores = most_threads if learner in _BOOSTERS and most_threads else joblib.cpu_count()
    threads = min(cores, 1 + values.size // _CELLS_PER_THREAD)
    settings = {**config, "n_jobs": threads, "random_state": seed}
    if learner == "lgbm":
        settings |= {"deterministic": True, "force_row_wise": True}
    if learner in _BOOSTERS:
        clock = Clock(seconds)
        for chosen in [device, {}] if device else [{}]:
            wrapper = learner_class(task=task, **settings, **chosen)
            budget = max(clock.left(), _LEAST_SECONDS)
            try:
                wrapper.fit(values, target, budget=budget, sample_weight=weights)
                break
            except (LightGBMError, XGBoostError):
                # Its memory may be too small, or its bins too few: that is no fault of the data.
                if not chosen:
                    raise
        return _at_rest(learner, wrapper.model, chosen)
    wrapper = learner_class(task=task, **settings)
    if seconds <= 0:
        raise OutOfTime
    with time_limit(seconds):
        return _fit_plain(learner, wrapper, values, target, weights)


def _at_rest(learner: str, model: Any, device: Device) -> Any:
    """Make a booster one that predicts with one thread of a processor, wherever it has learnt."""
    if learner != "lgbm":
        model.set_params(callbacks=None)
        model.get_booster().set_param({"nthread": 1, **dict.fromkeys(device, "cpu")})
        return model.set_params(n_jobs=1, **dict.fromkeys(device))
    for name in device:  # Whoever loads the model takes no setting that processors do not need.
        delattr(model, name)
        del model._other_params[name]  # noqa: SLF001 - the library keeps it there, too
    return model.set_params(n_jobs=1)


def measure_threads(task: FlamlTask, values: np.ndarray, target: np.ndarray, seed: int) -> int:
    """Find with how many threads boosters learn faster now: with one, or one on each core.

    On a machine with other work threads wait for each other: two may take seven times as long as
    one. What is learnt is the same.
    """
    cores = int(joblib.cpu_count())
    if cores == 1 or values.size < _CELLS_PER_THREAD:
        return cores
    taken: dict[int, float] = {}
    for threads in (1, cores):
        clock = Clock(0)
        fit(
            "lgbm",
            task=task,
            config={"n_estimators": _TRIED_TREES},
            values=values,
            target=target,
            weights=None,
            seed=seed,
            seconds=_TRIED_SECONDS,
            most_threads=threads,
        )
        taken[threads] = clock.spent()
    return cores if taken[cores] < _CLEARLY_FASTER * taken[1] else 1


def _fit_plain(
    learner: str,
    wrapper: Any,
    values: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
) -> Any:
    model = wrapper.estimator_class(**wrapper.params)
    if learner not in _LINEAR:
        return model.fit(values, target, sample_weight=weights).set_params(n_jobs=1)
    model.set_params(**_LINEAR[learner])
    steps = [
        ("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
        ("scale", StandardScaler()),
        ("model", model),
    ]
    return Pipeline(steps).fit(values, target, model__sample_weight=weights)


def trees(model: Any) -> int | None:
    """Return how many rounds a booster has learnt for; None of all other models."""
    if hasattr(model, "booster_"):
        return int(model.booster_.current_iteration())
    return int(model.get_booster().num_boosted_rounds()) if hasattr(model, "get_booster") else None


def affordable(config: dict[str, Any], ready: int) -> dict[str, Any]:
    """Move settings of a booster whose time was over after some rounds to where they mean the same.

    A slow rate with the few trees that there is time for has hardly learnt anything: fewer trees
    learn faster, up to the fastest rate of the libraries' defaults.
    """
    learned = config["learning_rate"] * config["n_estimators"]
    fastest = max(FASTEST, config["learning_rate"])
    trees = max(1, int(ready * _SURE_SHARE))
    return {**config, "n_estimators": trees, "learning_rate": min(learned / trees, fastest)}


def predict(model: Any, values: np.ndarray, label_count: int) -> np.ndarray:
    """Return a number for each row, or a probability for each row and label."""
    predicted = model.predict_proba(values) if label_count else model.predict(values)
    return np.asarray(predicted, dtype=np.float64)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block when it takes longer. Acts in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def interruptible(is_to_stop: Callable[[], bool]) -> Iterator[None]:
    """Raise `Stopped` in the block when the training is to stop.

    In the main thread at any moment, by `STOP_SIGNAL`; elsewhere at its beginning.
    """
    if threading.current_thread() is not threading.main_thread():
        if is_to_stop():
            raise Stopped
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    before = signal.signal(STOP_SIGNAL, end)
    try:
        if is_to_stop():  # which may have been said before anybody listened
            raise Stopped
        yield
    finally:
        signal.signal(STOP_SIGNAL, before)


class Clock:
    """The time that is left, in seconds."""

    def __init__(self, seconds: float) -> None:
        self._begin = time.monotonic()
        self._seconds = seconds

    def spent(self) -> float:
        """Return how much time has gone."""
        return time.monotonic() - self._begin

    def left(self) -> float:
        """Return how much time is left; below 0 when it is over."""
        return self._seconds - self.spent()
