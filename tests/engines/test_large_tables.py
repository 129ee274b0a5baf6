"""Large tables and short times: what is tried has to fit into the time that there is."""

from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from flaml.automl.task.factory import task_factory
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from projects_api.engines import TrainingConfig
from projects_api.engines.columns import Column
from projects_api.engines.flaml import trial
from projects_api.engines.flaml.fitting import affordable, fit, measure_threads, predict, trees
from projects_api.engines.table import Table
from projects_api.engines.training_data import prepare


@pytest.mark.parametrize("learner", ["lgbm", "xgb_limitdepth"])
def test_a_booster_tells_for_how_many_rounds_it_has_learnt(learner):
    random = np.random.default_rng(0)
    values = random.normal(size=(200, 3))
    target = (values[:, 0] > 0).astype(int)
    model = fit(
        learner, task=task_factory("binary"), config={"n_estimators": 17, "learning_rate": 0.1},
        values=values, target=target, weights=None, seed=1, seconds=60,
    )  # fmt: skip
    assert trees(model) == 17
    forest = fit(
        "rf", task=task_factory("binary"), config={"n_estimators": 5, "max_leaves": 8},
        values=values, target=target, weights=None, seed=1, seconds=60,
    )  # fmt: skip
    assert trees(forest) is None


@pytest.mark.parametrize(
    ("rate", "count", "ready", "trees_then", "rate_then"),
    [
        (0.001, 2000, 100, 80, 0.025),  # as much is learnt by fewer
        (0.002, 2500, 10, 8, 0.3),  # but not faster than any default
        (0.5, 100, 50, 40, 0.5),  # nor slower than it was
        (0.01, 100, 0, 1, 0.3),
    ],
)
def test_fewer_trees_learn_faster(rate, count, ready, trees_then, rate_then):
    moved = affordable({"n_estimators": count, "learning_rate": rate, "num_leaves": 7}, ready)
    assert moved == {
        "n_estimators": trees_then,
        "learning_rate": pytest.approx(rate_then),
        "num_leaves": 7,
    }


@pytest.mark.parametrize(
    ("rows", "columns", "config", "folds"),
    [
        (20_000, 20, {"max_runtime_secs": 60}, 5),
        (40_000, 20, {"max_runtime_secs": 60}, 1),
        (40_000, 20, {"max_runtime_secs": 3600}, 5),
        (40_000, 20, {"max_runtime_secs": 60, "nfolds": 2}, 1),
        (130_000, 1, {"max_runtime_secs": 3600}, 1),
    ],
)
def test_one_part_validates_where_folds_cost_too_much(rows, columns, config, folds):
    random = np.random.default_rng(0)
    training, tested = np.arange(rows * 4 // 5), np.arange(rows * 4 // 5, rows)
    table = Table(
        [Column(f"x{n}", "number", random.normal(size=rows)) for n in range(columns)],
        np.arange(rows) % 2, [0, 1], training, tested,
    )  # fmt: skip
    found = prepare(table, TrainingConfig(**config)).folds
    assert len(found) == folds
    assert len(found[0].validated) == pytest.approx(len(training) / 5, abs=1)
    assert not set(found[0].validated) & set(found[0].fitted)


def test_what_was_cut_by_time_learns_as_much_with_fewer_trees():
    values, target = make_classification(2000, 10, n_informative=6, random_state=5)

    def error(config):
        model = fit(
            "lgbm", task=task_factory("binary"), config=config, values=values[:1500],
            target=target[:1500], weights=None, seed=1, seconds=600,
        )  # fmt: skip
        return log_loss(target[1500:], predict(model, values[1500:], 2))

    slow = {"n_estimators": 2000, "learning_rate": 0.004, "num_leaves": 8}
    whole, cut = error(slow), error({**slow, "n_estimators": 50})
    assert cut > 1.5 * whole
    assert error(affordable(slow, 50)) < 1.15 * whole


class Clockwork:
    """A clock that only fits move on, each by the trees that it makes."""

    def __init__(self):
        self.now = 0.0

    def of(self, seconds):
        return SimpleNamespace(left=lambda: seconds - self.now)


@pytest.mark.parametrize(
    ("count", "tried"),
    [
        (40, 40),  # ready within the tenth of the time that is for measuring
        (190, 190),  # not ready, but there is time for all of them
        (2000, 179),  # half of the 89.8 seconds that are left are for 224 trees, at 5 a second
    ],
)
def test_settings_are_cut_to_what_there_is_time_for(monkeypatch, count, tried):
    clockwork, seen = Clockwork(), []

    def fitted(_learner, *, config, seconds, **_rows):
        ready = min(config["n_estimators"], round(5 * seconds))
        clockwork.now += ready / 5
        seen.append(seconds)
        return SimpleNamespace(booster_=SimpleNamespace(current_iteration=lambda: ready))

    monkeypatch.setattr(trial, "fit", fitted)
    monkeypatch.setattr(trial, "Clock", clockwork.of)
    fold = SimpleNamespace(fitted_values=None, fitted=slice(None))
    data = SimpleNamespace(target=np.empty(0), weights=None, folds=[fold])
    shared = SimpleNamespace(data=data, kind="binary", seed=1, threads=1, devices={})
    proposal = {"n_estimators": count, "learning_rate": 0.01}
    moved = trial.measure(shared, "lgbm", proposal, 100.0)
    assert seen == [100.0, 10.0]
    assert moved["n_estimators"] == tried
    learnt = moved["n_estimators"] * moved["learning_rate"]
    assert learnt == pytest.approx(min(count * 0.01, tried * 0.3))


def test_only_boosters_of_large_tables_with_folds_are_measured():
    def is_measured(cells, config, folds):
        return trial.is_measured(config, SimpleNamespace(values=np.empty(cells), folds=folds))

    proposal = {"n_estimators": 2000, "learning_rate": 0.01}
    assert is_measured(500_000, proposal, [None])
    assert not is_measured(499_999, proposal, [None])
    assert not is_measured(500_000, proposal, [])
    assert not is_measured(500_000, {"C": 1.0}, [None])


def test_the_number_of_threads_changes_nothing_that_is_learnt():
    values, target = make_classification(30_000, 20, n_informative=6, random_state=5)
    task = task_factory("binary")
    assert measure_threads(task, values, target, 1) in {1, joblib.cpu_count()}
    config = {"n_estimators": 5, "learning_rate": 0.1}
    one, many = (
        fit(
            "lgbm", task=task, config=config, values=values, target=target, weights=None, seed=1,
            seconds=600, most_threads=threads,
        )
        for threads in (1, joblib.cpu_count())
    )  # fmt: skip
    assert predict(one, values, 2).tolist() == predict(many, values, 2).tolist()
