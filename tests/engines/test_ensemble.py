"""Ensembles: what they weigh and say, computed once more with numpy and scikit-learn."""

import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error
from xgboost import DMatrix

from projects_api import model_file
from projects_api.engines import ensemble, flaml_engine, model_files
from projects_api.engines.flaml import ensembling
from projects_api.engines.flaml.fitting import time_limit

from . import tables
from .tables import held_out

SETTINGS = {"max_models": 8, "nfolds": 3}


def auc_loss(folds) -> float:
    return -float(np.mean([roc_auc_score(right, said[:, 1]) for right, said in folds]))


def models_that_say(count: int, rows: int = 400):
    """What models say of three folds, each right by halves and wrong in a way of its own."""
    chance = np.random.default_rng(11)
    folds = [chance.integers(0, 2, rows) for _ in range(3)]
    noise = [2.5, 2.0, 3.0, 4.0, 2.2][:count]

    def said(right, strength):
        positive = 1 / (1 + np.exp(-(2 * right - 1 + strength * chance.normal(size=rows))))
        return np.column_stack([1 - positive, positive])

    return [[(right, said(right, strength)) for right in folds] for strength in noise]


def selected(answers, loss) -> np.ndarray:
    """Choose with replacement, in another way: by the names chosen so far, one after the other."""
    chosen: list[int] = []
    best: tuple[float, list[int]] = (np.inf, [])
    for _ in range(20):
        losses = []
        for place in range(len(answers)):
            bag = [*chosen, place]
            mixed = [
                (fold[0][0], np.mean([fold[one][1] for one in bag], axis=0))
                for fold in zip(*answers, strict=True)
            ]
            losses.append(loss(mixed))
        chosen.append(int(np.argmin(losses)))
        best = min(best, (min(losses), list(chosen)), key=lambda one: one[0])
    return np.bincount(best[1], minlength=len(answers)) / len(best[1])


@pytest.mark.parametrize("count", [2, 5])
def test_weights_are_those_of_a_selection_with_replacement(count):
    answers = models_that_say(count)
    weights = ensemble.select(answers, auc_loss)
    np.testing.assert_allclose(weights, selected(answers, auc_loss), atol=1e-12)
    assert weights.sum() == pytest.approx(1)
    mixed = ensemble.combine(answers, weights)
    assert auc_loss(mixed) < min(map(auc_loss, answers)) - 0.01


def test_a_model_that_no_other_helps_stands_alone():
    (right, said), *others = models_that_say(1)[0]
    perfect = [(one, np.column_stack([1 - one, one])) for one, _ in ((right, said), *others)]
    noise = [(one, np.full((len(one), 2), 0.5)) for one, _ in perfect]
    np.testing.assert_array_equal(ensemble.select([noise, perfect], auc_loss), [0, 1])


def test_the_best_two_of_each_kind_may_take_part_within_a_bound(monkeypatch):
    choice = ensemble.Choice()
    said = [(np.zeros(10), np.zeros((10, 2)))]
    for number in range(40):
        choice.take(f"{number}", f"kind {number % 5}", -float(number), said)
    assert [name for name, _ in choice.models] == [str(number) for number in range(39, 29, -1)]
    assert choice.lowest == -39
    monkeypatch.setattr(ensemble, "_MOST_BYTES", 3 * 160)
    choice.take("best", "kind 0", -99.0, said)
    assert [name for name, _ in choice.models] == ["best", "39", "38"]
    choice.take("unmeasured", "kind 9", float("inf"), said)
    choice.take("unvalidated", "kind 9", -999.0, [])
    assert choice.lowest == -99


def crowd(rows: int = 700) -> pd.DataFrame:
    """Half of it is a straight line, half of it steps: no kind of model alone tells both well."""
    chance = np.random.default_rng(17)
    values = chance.normal(size=(rows, 6))
    number = values[:, :3].sum(axis=1) + 2 * np.sign(values[:, 3] * values[:, 4])
    number += chance.normal(size=rows)
    frame = pd.DataFrame(values, columns=list("abcdef"))
    return frame.assign(number=number, label=np.where(number > 0.5, "yes", "no"))


@pytest.fixture
def trained(train, monkeypatch):
    """Train on a target; give the training, its ensemble, and what models said of unseen rows."""

    def run(target: str, **config):
        said = {}
        take = ensemble.Choice.take

        def remember(self, name, kind, loss, answers):
            said[name] = answers
            take(self, name, kind, loss, answers)

        monkeypatch.setattr(ensemble.Choice, "take", remember)
        frame = crowd().drop(columns={"number": "label", "label": "number"}[target])
        kind = "regression" if target == "number" else "classification"
        training = train(frame, target, kind, **{**SETTINGS, **config})
        found = [one for one in training.result.candidates if one.model_type == "Ensemble"]
        return training, found, said

    return run


SCORES = {
    "auc": lambda right, said: roc_auc_score(right, said[:, 1]),
    "logloss": log_loss,
    "rmse": root_mean_squared_error,
    "mae": mean_absolute_error,
}


@pytest.mark.parametrize(
    ("target", "metric"),
    [("label", "auc"), ("label", "logloss"), ("number", "rmse"), ("number", "mae")],
)
def test_its_score_is_that_of_the_weighted_mean(trained, target, metric):
    training, [found], said = trained(target, sort_metric=metric)
    shares = {one["name"]: one["weight"] for one in found.parameters["models"]}
    assert 2 <= len(shares) <= 10
    assert sum(shares.values()) == pytest.approx(1)
    told = []
    for fold in range(3):
        right = said["GBM_1"][fold][0]
        mixed = sum(weight * said[name][fold][1] for name, weight in shares.items())
        told.append(SCORES[metric](right, mixed))
    assert found.metrics[f"cv_{metric}"] == pytest.approx(np.mean(told), rel=1e-9)
    others = [one for one in training.result.candidates if one is not found]
    sign = -1 if metric == "auc" else 1
    best = min(others, key=lambda one: sign * one.metrics[f"cv_{metric}"])
    assert sign * found.metrics[f"cv_{metric}"] < sign * best.metrics[f"cv_{metric}"]
    assert found.rank == 1
    assert found.name == "Ensemble_1"
    assert len(training.result.candidates) == SETTINGS["max_models"]
    assert training.progress.counts[-1] == SETTINGS["max_models"]


@pytest.mark.parametrize("target", ["label", "number"])
def test_its_file_says_the_weighted_mean_of_its_models_files(trained, target):
    training, [found], _ = trained(target)
    rows = training.frame.iloc[held_out(training)[1]]
    files = {one.name: model_file.load(one.path) for one in training.result.candidates}

    def ask(model):
        return model.predict_proba(rows) if target == "label" else model.predict(rows)

    mixed = sum(
        one["weight"] * np.asarray(ask(files[one["name"]])) for one in found.parameters["models"]
    )
    np.testing.assert_allclose(np.asarray(ask(files["Ensemble_1"])), mixed, atol=1e-12)
    if target == "label":
        assert found.metrics["auc"] == pytest.approx(
            roc_auc_score(rows.label == "yes", mixed[:, 1])
        )
    else:
        assert found.metrics["rmse"] == pytest.approx(root_mean_squared_error(rows.number, mixed))
    assert len(found.evaluation["residuals" if target == "number" else "roc"]) > 0
    first = {one["feature"] for one in found.explanation["permutation_importance"][:5]}
    assert first == set("abcde")


def test_shap_of_an_ensemble_is_that_of_its_models_by_their_weights(trained):
    training, [found], _ = trained("number", exclude_algos=["GLM", "DRF", "XRT"], max_models=6)
    rows = training.frame.iloc[held_out(training)[1]][list("abcdef")].to_numpy(dtype=float)
    total = np.zeros((len(rows), 6))
    for one in found.parameters["models"]:
        (of,) = [each for each in training.result.candidates if each.name == one["name"]]
        model = model_files.load(of.path).steps[-1][1]
        if of.model_type == "GBM":
            told = model.booster_.predict(rows, pred_contrib=True)
        else:
            told = model.get_booster().predict(DMatrix(rows), pred_contribs=True)
        total += one["weight"] * np.asarray(told)[:, :-1]
    wanted = dict(zip("abcdef", np.abs(total).mean(axis=0), strict=True))
    assert {one["feature"]: one["mean_absolute"] for one in found.explanation["shap"]} == (
        pytest.approx(wanted, rel=1e-5)
    )


def test_the_same_seed_gives_the_same_ensemble(trained):
    (_, [first], _), (_, [again], _) = trained("label"), trained("label")
    for name in ("metrics", "parameters", "explanation", "evaluation"):
        assert getattr(again, name) == getattr(first, name)


def test_none_is_made_where_none_is_better(train):
    """The place that was left for it is another model's."""
    training = train(tables.wine(), "target", "classification", **SETTINGS)
    assert {one.model_type for one in training.result.candidates} == {
        "GBM", "XGBoost", "GLM", "DRF", "XRT",
    }  # fmt: skip
    assert len(training.result.candidates) == SETTINGS["max_models"]
    assert any(
        line.startswith("no ensemble: none has a better") for line in training.progress.lines
    )


@pytest.mark.parametrize(
    "config",
    [
        {"exclude_algos": ["ensemble"]},
        {"max_models": 5},  # each kind has its turn first
        {"exclude_algos": ["XGBoost", "GLM", "DRF", "XRT"], "max_models": 3},
        {"stop_at": 7},
    ],
)
def test_none_is_made_where_there_is_no_room_or_none_is_wanted(trained, config):
    training, found, _ = trained("label", **config)
    assert not found
    assert not any("ensemble" in line for line in training.progress.lines)
    wanted = config.get("stop_at", config.get("max_models", SETTINGS["max_models"]))
    assert len(training.result.candidates) == wanted


def test_one_that_would_be_too_large_is_left_out(trained, monkeypatch):
    monkeypatch.setattr(ensembling, "_MOST_BYTES", 1000)
    training, found, _ = trained("label")
    assert not found
    assert "no ensemble: its models would be too large together" in training.progress.lines
    assert len(training.result.candidates) == SETTINGS["max_models"]


def test_one_that_is_not_ready_in_time_is_left_out(trained, monkeypatch):
    """It would take for ever; it has what is left of an hour, of which a moment is waited for."""
    allowed = []

    def moment(seconds):
        allowed.append(seconds)
        return time_limit(0.01)

    monkeypatch.setattr(flaml_engine, "time_limit", moment)
    monkeypatch.setattr(ensembling, "select", lambda *_: threading.Event().wait(60))
    training, found, _ = trained("label")
    assert not found
    assert "no ensemble: it was not ready in time" in training.progress.lines
    assert len(training.result.candidates) == SETTINGS["max_models"]
    assert len(allowed) == 1
    assert 360 < allowed[0] < 3600


def test_a_search_that_used_its_time_leaves_a_tenth_for_it():
    assert flaml_engine._ensemble_seconds(-2.0, 60.0) == 6
    assert flaml_engine._ensemble_seconds(7.0, 60.0) == 7
