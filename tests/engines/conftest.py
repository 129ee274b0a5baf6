"""Trainings that the tests share: each is run once, when the first test asks for it."""

import fcntl
import pickle
from dataclasses import dataclass, field
from functools import cache

import pandas as pd
import pytest

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingResult

from . import tables


@dataclass
class Recorder:
    """Somebody who wants to know how far a training is."""

    reports: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    counts: list = field(default_factory=list)
    stop_at: int | None = None

    def count(self, candidates):
        self.counts.append(candidates)

    def is_to_stop(self):
        return self.stop_at is not None and bool(self.counts) and self.counts[-1] >= self.stop_at

    def report(self, percent, *, stage=None, seconds_left=None):
        self.reports.append((percent, stage, seconds_left))

    def log(self, message):
        self.lines.append(message)


@dataclass
class Trained:
    frame: pd.DataFrame
    task: Task
    result: TrainingResult
    progress: Recorder


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """Train on a frame, into a folder of its own."""

    def run(frame: pd.DataFrame, target: str, problem_type: str, **config) -> Trained:
        folder = tmp_path_factory.mktemp("training")
        frame.to_parquet(folder / "table.parquet")
        stop_at = config.pop("stop_at", None)
        config = {"max_models": 5, "nfolds": 2, **config}
        task = Task(
            folder / "table.parquet", target, problem_type, TrainingConfig.from_mapping(config)
        )
        progress = Recorder(stop_at=stop_at)
        return Trained(frame, task, engines.train("flaml", task, folder, progress), progress)

    return run


TRAININGS = {
    "breast cancer": (tables.breast_cancer, "target", "classification", {}),
    "wine": (tables.wine, "target", "classification", {"sort_metric": "logloss"}),
    "digits": (
        tables.digits,
        "target",
        "classification",
        {"exclude_algos": ["gbm", "xgboost", "Drf"], "max_models": 2},
    ),
    "diabetes": (tables.diabetes, "target", "regression", {"nfolds": 3}),
    "titanic": (tables.titanic, "survived", "classification", {"balance_classes": True}),
    "titanic fares": (tables.titanic, "fare", "regression", {"nfolds": 0}),
}


@pytest.fixture(scope="session")
def trained(train, tmp_path_factory, worker_id):
    """Find a training by its name, run once for all tests in all processes."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent

    @cache
    def find(name: str) -> Trained:
        make, target, problem_type, config = TRAININGS[name]
        path = shared / f"{name}.trained"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_bytes(pickle.dumps(train(make(), target, problem_type, **config)))
            return pickle.loads(path.read_bytes())

    return find
