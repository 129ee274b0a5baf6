"""Fitting one model of FLAML's learners, within a time, and asking it."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import joblib
import numpy as np
from flaml.automl.task.task import Task as FlamlTask
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

_CELLS_PER_THREAD = 500_000
_LEAST_SECONDS = 0.001
_BOOSTERS = {"lgbm", "xgb_limitdepth"}
_LINEAR = {"lrl2": {"max_iter": 300}, "enet": {"max_iter": 2000}}


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
) -> Any:
    """Fit a model with settings as FLAML writes them.

    Boosters whose time is over keep the trees that they have; all others raise `OutOfTime`. Fits
    large tables with all cores that the process may use; on small ones threads only wait for each
    other. The model predicts with one: the sums of several threads differ in their last digits.
    """
    learner_class = task.estimator_class_from_str(learner)
    threads = min(joblib.cpu_count(), 1 + values.size // _CELLS_PER_THREAD)
    settings = {**config, "n_jobs": threads, "random_state": seed}
    if learner == "lgbm":
        settings |= {"deterministic": True, "force_row_wise": True}
    wrapper = learner_class(task=task, **settings)
    if learner in _BOOSTERS:
        wrapper.fit(values, target, budget=max(seconds, _LEAST_SECONDS), sample_weight=weights)
        model = wrapper.model
        if learner != "lgbm":
            model.set_params(callbacks=None)
            model.get_booster().set_param({"nthread": 1})
        return model.set_params(n_jobs=1)
    if seconds <= 0:
        raise OutOfTime
    with _time_limit(seconds):
        return _fit_plain(learner, wrapper, values, target, weights)


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


def predict(model: Any, values: np.ndarray, label_count: int) -> np.ndarray:
    """Return a number for each row, or a probability for each row and label."""
    predicted = model.predict_proba(values) if label_count else model.predict(values)
    return np.asarray(predicted, dtype=np.float64)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
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
