"""Real trainings on real tables: leaderboards, what they are worth, and that they repeat."""

import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

from projects_api import engines
from projects_api.engines import TrainingRefused
from projects_api.engines.interface import rank

from . import tables
from .conftest import TRAININGS
from .tables import held_out

TYPES = {"GBM", "XGBoost", "GLM", "DRF", "XRT"}
LINEAR = {"exclude_algos": ["GBM", "XGBoost", "DRF", "XRT"]}
CONFIG = ("max_models", "nfolds", "balance_classes", "seed")


@pytest.mark.parametrize("name", TRAININGS)
def test_a_leaderboard_holds_every_model_in_order(trained, name):
    training = trained(name)
    result = training.result
    assert len(result.candidates) == training.task.config.max_models
    assert [candidate.rank for candidate in result.candidates] == list(
        range(1, len(result.candidates) + 1)
    )
    assert [candidate.is_best for candidate in result.candidates].index(True) == 0
    values = [candidate.metrics[f"cv_{result.sort_metric}"] for candidate in result.candidates]
    more_is_better = engines.SORT_METRICS[training.task.problem_type][result.sort_metric]
    assert values == sorted(values, reverse=more_is_better)
    assert {candidate.model_type for candidate in result.candidates} <= TYPES
    assert len({candidate.name for candidate in result.candidates}) == len(result.candidates)


@pytest.mark.parametrize("name", TRAININGS)
def test_everything_told_is_json_without_nan(trained, name):
    training = trained(name)
    for told in (
        training.result.signature,
        training.result.reference,
        *(
            [c.metrics, c.parameters, c.explanation, c.evaluation, c.training_seconds]
            for c in training.result.candidates
        ),
    ):
        assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_every_algorithm_takes_its_turn(trained):
    assert {c.model_type for c in trained("titanic").result.candidates} == TYPES
    assert {c.model_type for c in trained("diabetes").result.candidates} == TYPES
    assert {c.model_type for c in trained("digits").result.candidates} == {"GLM", "XRT"}


def baseline(trained, **parameters):
    """Train a plain LightGBM on the same rows; give the truth and the answers for the others."""
    frame = trained.frame.drop(columns=trained.task.target)
    for column in frame.columns:
        if frame[column].dtype.kind not in "iufb":
            frame[column] = frame[column].astype("category").cat.codes
    training, tested = held_out(trained)
    target = trained.frame[trained.task.target].to_numpy()
    classify = trained.task.problem_type == "classification"
    model = lightgbm.LGBMClassifier if classify else lightgbm.LGBMRegressor
    model = model(verbose=-1, n_jobs=1, random_state=0).fit(frame.iloc[training], target[training])
    answers = frame.iloc[tested]
    return target[tested], model.predict_proba(answers) if classify else model.predict(answers)


@pytest.mark.parametrize("name", ["breast cancer", "titanic"])
def test_the_best_is_no_worse_than_plain_lightgbm_in_auc(trained, name):
    truth, answers = baseline(trained(name))
    best = trained(name).result.candidates[0]
    assert best.metrics["auc"] >= roc_auc_score(truth, answers[:, 1]) - 0.01


def test_the_best_is_no_worse_than_plain_lightgbm_in_log_loss(trained):
    truth, answers = baseline(trained("wine"))
    best = trained("wine").result.candidates[0]
    assert best.metrics["logloss"] <= log_loss(truth, answers) + 0.05


@pytest.mark.parametrize("name", ["diabetes", "titanic fares"])
def test_the_best_is_no_worse_than_plain_lightgbm_in_error(trained, name):
    best = trained(name).result.candidates[0]
    assert best.metrics["rmse"] <= root_mean_squared_error(*baseline(trained(name))) * 1.05


def test_digits_are_told_apart(trained):
    assert trained("digits").result.candidates[0].metrics["accuracy"] > 0.95


@pytest.mark.parametrize("name", ["titanic", "diabetes"])
def test_the_same_seed_gives_the_same_leaderboard(train, trained, name):
    def told(training):
        return [
            (c.name, c.metrics, c.parameters, c.explanation, c.evaluation)
            for c in training.result.candidates
        ]

    first = trained(name)
    again = train(
        first.frame,
        first.task.target,
        first.task.problem_type,
        **{name: getattr(first.task.config, name) for name in CONFIG},
    )
    assert told(again) == told(first)
    assert again.result.signature == first.result.signature
    assert again.result.reference == first.result.reference


def test_another_seed_holds_out_other_rows(train):
    reports = [
        train(tables.wine(), "target", "classification", max_models=1, seed=seed, **LINEAR)
        for seed in (1, 2)
    ]
    first, second = (report.result.reference["inputs"]["ash"]["sample"] for report in reports)
    assert first != second


def test_the_search_goes_on_where_it_was_good(train):
    training = train(
        tables.wine(),
        "target",
        "classification",
        max_models=5,
        stopping_rounds=0,
        **LINEAR,
    )
    settings = [candidate.parameters["C"] for candidate in training.result.candidates]
    assert len(set(settings)) == 5


def test_a_search_that_gets_no_better_stops(train):
    training = train(
        tables.wine(),
        "target",
        "classification",
        max_models=50,
        stopping_rounds=2,
        stopping_tolerance=0.5,
        **LINEAR,
    )
    assert len(training.result.candidates) == 3
    assert any("gets no better" in line for line in training.progress.lines)


def test_progress_only_grows_and_names_the_model(trained):
    reports = trained("titanic").progress.reports
    percents = [percent for percent, _, _ in reports]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] == 100
    assert "GLM, model 3 of at most 5" in {stage for _, stage, _ in reports}
    assert all(left is not None and left >= 0 for _, _, left in reports)


def test_a_time_limit_leaves_a_smaller_leaderboard(train):
    random = np.random.default_rng(0)
    frame = tables.pd.DataFrame(random.normal(size=(4000, 40))).rename(columns=str)
    frame["target"] = frame["0"] * frame["1"] + random.normal(size=4000)
    training = train(frame, "target", "regression", max_runtime_secs=3, max_models=500)
    assert 1 <= len(training.result.candidates) < 100
    assert training.progress.reports[-1][0] == 100


def test_a_time_for_each_model_cuts_boosters_and_leaves_out_others(train):
    # A forest of these rows takes several times the limit, the first trees of a booster a tenth.
    training = train(
        pd.concat([tables.breast_cancer()] * 120, ignore_index=True),
        "target",
        "classification",
        max_models=2,
        exclude_algos=["GLM", "GBM"],
        max_runtime_secs=60,
        max_runtime_secs_per_model=1.5,
        stopping_rounds=1,
        stopping_tolerance=0,
    )
    assert {candidate.model_type for candidate in training.result.candidates} == {"XGBoost"}
    assert "left out a DRF: it was not ready in time" in training.progress.lines


def test_an_algorithm_that_is_never_ready_is_given_up(train):
    with pytest.raises(TrainingRefused, match="no model was ready in time"):
        train(
            tables.breast_cancer(),
            "target",
            "classification",
            exclude_algos=["GBM", "XGBoost", "GLM", "XRT"],
            max_runtime_secs_per_model=0.01,
            stopping_rounds=0,
        )


def test_rare_labels_weigh_more_when_balanced(train):
    frame = tables.titanic()
    frame["rich"] = (frame["fare"] > frame["fare"].quantile(0.9)).map({True: "yes", False: "no"})
    frame = frame.drop(columns="fare")
    recall = {
        balanced: train(
            frame, "rich", "classification", max_models=1, exclude_algos=["GBM", "XGBoost"],
            balance_classes=balanced,
        ).result.candidates[0].metrics["recall"]
        for balanced in (False, True)
    }  # fmt: skip
    assert recall[True] > recall[False]


def scored(place, engine="flaml", **metrics):
    return engines.Candidate(
        name=str(place), model_type="GBM", engine=engine, rank=0, is_best=False, metrics=metrics,
        parameters={}, explanation={}, evaluation={}, training_seconds=1, path=Path(),
        media_type="",
    )  # fmt: skip


def order(candidates, metric):
    return [candidate.name for candidate in rank(candidates, metric)]


def test_the_held_out_rows_do_not_choose_the_best():
    found = [scored(1, auc=0.9, cv_auc=0.6), scored(2, auc=0.5, cv_auc=0.7), scored(3, auc=0.99)]
    assert order(found, "auc") == ["2", "1", "3"]
    errors = [scored(1, rmse=1, cv_rmse=3), scored(2, rmse=2, cv_rmse=2), scored(3, rmse=1.5)]
    assert order(errors, "rmse") == ["2", "1", "3"]


def test_the_held_out_rows_decide_between_equals_and_where_nothing_else_does():
    assert order([scored(1, auc=0.5, cv_auc=0.6), scored(2, auc=0.7, cv_auc=0.6)], "auc") == [
        "2",
        "1",
    ]
    assert order([scored(1, auc=0.5), scored(2, auc=0.7)], "auc") == ["2", "1"]
    engines_of_two = [scored(1, auc=0.5, cv_auc=0.9), scored(2, "h2o", auc=0.7)]
    assert order(engines_of_two, "auc") == ["2", "1"]


def test_noise_is_told_to_be_noise():
    """What is told of the best of twenty models of nothing is not the luck of the choice."""
    random = np.random.default_rng(7)
    truth, told = np.arange(24) % 2, []
    for _ in range(300):
        models = [
            scored(place, auc=roc_auc_score(truth, random.random(24)), cv_auc=random.random())
            for place in range(20)
        ]
        told.append(rank(models, "auc")[0].metrics["auc"])
    assert np.mean(told) == pytest.approx(0.5, abs=0.03)


def test_leaderboards_of_several_engines_become_one(trained):
    first = trained("titanic").result
    half = engines.TrainingResult(first.candidates[3:], {}, {}, first.sort_metric)
    rest = engines.TrainingResult(first.candidates[:3], {}, {}, first.sort_metric)
    assert engines.combine([half, rest]).candidates == first.candidates
