"""Where a search begins: with the libraries' defaults, then with what was good elsewhere."""

import lightgbm
import numpy as np
import pytest
import xgboost
from flaml.automl.task.factory import task_factory
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, root_mean_squared_error

from projects_api.engines.flaml.fitting import fit
from projects_api.engines.flaml.search import LEARNERS, Search

from .tables import held_out

LIBRARIES = {
    ("regression", "lgbm"): lightgbm.LGBMRegressor,
    ("binary", "lgbm"): lightgbm.LGBMClassifier,
    ("regression", "xgb_limitdepth"): xgboost.XGBRegressor,
    ("binary", "xgb_limitdepth"): xgboost.XGBClassifier,
    ("regression", "rf"): RandomForestRegressor,
    ("binary", "rf"): RandomForestClassifier,
    ("regression", "extra_tree"): ExtraTreesRegressor,
    ("binary", "extra_tree"): ExtraTreesClassifier,
}
XGBOOST_ITSELF = {"max_depth": 6, "learning_rate": 0.3, "n_estimators": 100}
"""What XGBoost takes where its classes say None."""


def search(kind: str, learner: str, rows: int) -> Search:
    return Search(learner, task_factory(kind), *table(kind, rows), seed=3)


def table(kind: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(5).normal(size=(rows, 9))
    return values, (values[:, 0] > 0).astype(int) if kind == "binary" else values[:, 0]


@pytest.mark.parametrize("rows", [90, 2000])
@pytest.mark.parametrize(("kind", "learner"), LIBRARIES)
def test_the_first_trial_is_the_library_s_default(kind, learner, rows):
    values, target = table(kind, rows)
    proposed = search(kind, learner, rows).propose()
    model = fit(
        learner,
        task=task_factory(kind),
        config=proposed,
        values=values,
        target=target,
        weights=None,
        seed=1,
        seconds=60,
    )
    library = LIBRARIES[kind, learner](n_estimators=100, random_state=1)
    assert model.n_estimators == 100
    if learner.startswith("xgb"):
        told = {name: getattr(model, name) for name in XGBOOST_ITSELF}
        assert told == pytest.approx(XGBOOST_ITSELF)
    if learner == "lgbm":
        names = ("learning_rate", "num_leaves", "min_child_samples", "colsample_bytree")
        told = {name: getattr(model, name) for name in names}
        assert told == pytest.approx({name: getattr(library, name) for name in names})
    tested = np.random.default_rng(6).normal(size=(200, 9))
    library.fit(values, target)
    for answers in ("predict",) if kind == "regression" else ("predict", "predict_proba"):
        ours, theirs = getattr(model, answers)(tested), getattr(library, answers)(tested)
        # Their penalties begin at 1/1024 rather than 0, forests have a bound of leaves.
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("rows", [40, 300, 5000])
@pytest.mark.parametrize("learner", ["lgbm", "xgb_limitdepth"])
def test_trees_and_rate_only_move_together(learner, rows):
    begin = search("regression", learner, rows)
    for trees, rate in ((19_722, 0.00108), (2541, 0.0017), (60, 0.02)):
        moved = begin._fitting({"n_estimators": trees, "learning_rate": rate})
        assert moved["n_estimators"] <= max(100, rows)
        assert moved["n_estimators"] * moved["learning_rate"] == pytest.approx(trees * rate)
    greedy = begin._fitting({"n_estimators": 30_000, "learning_rate": 0.5})
    assert greedy["learning_rate"] == 0.5


def test_every_kind_of_model_has_a_first_trial():
    for kind, learners in (("regression", "regression"), ("binary", "classification")):
        for learner in LEARNERS[learners].values():
            assert search(kind, learner, 60).propose()


@pytest.mark.parametrize(
    ("name", "models", "measure"),
    [
        (
            "diabetes",
            {"GBM_1": lightgbm.LGBMRegressor, "XGBoost_1": xgboost.XGBRegressor},
            "rmse",
        ),
        ("wine", {"GBM_1": lightgbm.LGBMClassifier, "XGBoost_1": xgboost.XGBClassifier}, "logloss"),
    ],
)
def test_the_first_boosters_are_worth_what_the_libraries_are(trained, name, models, measure):
    training = trained(name)
    fitted, tested = held_out(training)
    values = training.frame.drop(columns="target").to_numpy()
    target = training.frame["target"].to_numpy()
    labels, codes = np.unique(target, return_inverse=True)
    candidates = {one.name: one.metrics[measure] for one in training.result.candidates}
    for candidate, library in models.items():
        wanted = codes if measure == "logloss" else target
        model = library(n_jobs=1, random_state=42).fit(values[fitted], wanted[fitted])
        if measure == "logloss":
            known = log_loss(codes[tested], model.predict_proba(values[tested]))
        else:
            known = root_mean_squared_error(target[tested], model.predict(values[tested]))
        assert candidates[candidate] == pytest.approx(known, rel=0.1), labels
