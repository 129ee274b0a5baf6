"""Probabilities that are mended, compared with scikit-learn's calibration of the same model."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from projects_api import model_file
from projects_api.engines import model_files
from projects_api.engines.calibration import (
    Calibrated,
    calibrate,
    calibration_error,
    learn_curves,
    mend,
)
from projects_api.engines.transformers import Numbers

from .tables import held_out


def said_and_right(labels: int, rows: int = 3000, *, strength: float = 3.0, seed: int = 5):
    """Probabilities that are surer than they should be by a strength, and what is right."""
    chance = np.random.default_rng(seed)
    true = chance.normal(size=(rows, labels))
    right = np.array([chance.choice(labels, p=softmax(one)) for one in true])
    return np.array([softmax(strength * one) for one in true]), right


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def loss_of(right: np.ndarray, said: np.ndarray) -> float:
    """The log loss, of which nothing that was said to be impossible costs without end."""
    return float(
        np.mean([-np.log(max(row[label], 1e-15)) for label, row in zip(right, said, strict=True)])
    )


def folds_of(said: np.ndarray, right: np.ndarray, count: int = 5):
    parts = np.array_split(np.arange(len(right)), count)
    return [(right[rows], said[rows]) for rows in parts], [None] * count


def fitted(seed: int, labels: int, *, weighted: bool):
    """A forest, rows it has not seen with what is right and their weights, and other rows."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(1500, 4))
    target = (values[:, 0] + chance.normal(size=1500) > 0).astype(int)
    if labels > 2:
        target = target + 2 * (values[:, 1] > 0)
    weights = chance.uniform(0.2, 5, 500) if weighted else None
    model = RandomForestClassifier(30, random_state=1).fit(values[:500], target[:500])
    return model, values[500:1000], target[500:1000], values[1000:], weights


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_mended_model_says_what_scikit_learns_does(method, labels, weighted):
    model, seen, right, others, weights = fitted(3, labels, weighted=weighted)
    wanted = CalibratedClassifierCV(FrozenEstimator(model), method=method)
    wanted.fit(seen, right, sample_weight=weights)
    ours = Calibrated(
        model, method, learn_curves(right, model.predict_proba(seen), method, weights)
    )
    found = ours.predict_proba(others)
    np.testing.assert_allclose(found, wanted.predict_proba(others), atol=1e-12)
    assert (ours.predict(others) == wanted.predict(others)).all()
    assert abs(found - model.predict_proba(others)).max() > 0.01


class ByOdds(ClassifierMixin, BaseEstimator):
    """A fitted model that tells log-odds, as boosters do inside."""

    def __init__(self, model):
        self.model = model

    def fit(self, _values, _target):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return self.model.classes_

    def predict(self, values):
        return self.model.predict(values)

    def decision_function(self, values):
        odds = logit(np.clip(self.model.predict_proba(values), 1e-12, 1 - 1e-12))
        return odds[:, 1] if odds.shape[1] == 2 else odds


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_log_odds_are_mended_as_scikit_learn_does(labels, weighted):
    model, seen, right, others, weights = fitted(4, labels, weighted=weighted)
    wanted = CalibratedClassifierCV(FrozenEstimator(ByOdds(model)), method="sigmoid")
    wanted.fit(seen, right, sample_weight=weights)
    curves = learn_curves(right, model.predict_proba(seen), "logistic", weights)
    found = Calibrated(model, "logistic", curves).predict_proba(others)
    np.testing.assert_allclose(found, wanted.predict_proba(others), atol=1e-9)


def test_what_is_mended_can_still_be_sure():
    """A sigmoid of the probability ends at 0.05 and 0.95 here, whatever is asked."""
    said, right = said_and_right(2)
    calibration, _ = calibrate(*folds_of(said, right))
    assert calibration
    assert calibration.method == "logistic"
    sure = np.array([[1 - one, one] for one in expit(3 * np.array([-12.0, 0, 2, 12]))])
    mended = mend(sure, calibration.method, calibration.curves)[:, 1]
    np.testing.assert_allclose(mended, expit([-12, 0, 2, 12]), atol=0.02)
    assert mended[0] < 1e-3
    assert mended[-1] > 0.999


@pytest.mark.parametrize("labels", [2, 3])
def test_what_is_too_sure_is_mended(labels):
    said, right = said_and_right(labels)
    answers, weights = folds_of(said, right)
    calibration, mended = calibrate(answers, weights)
    assert calibration
    assert calibration.before == pytest.approx(log_loss(right, said))
    whole = np.concatenate([one for _, one in mended])
    assert calibration.after == pytest.approx(loss_of(right, whole))
    assert calibration.after < 0.9 * calibration.before
    assert calibration_error(mended, weights) < 0.5 * calibration_error(answers, weights)
    fresh, truth = said_and_right(labels, seed=6)
    helped = log_loss(truth, mend(fresh, calibration.method, calibration.curves))
    assert helped < 0.9 * log_loss(truth, fresh)


@pytest.mark.parametrize("labels", [2, 3])
def test_what_is_true_already_is_left_alone(labels):
    answers, weights = folds_of(*said_and_right(labels, strength=1.0))
    assert calibrate(answers, weights) == (None, answers)


def test_each_fold_is_mended_by_the_others():
    """Or the log loss would say how well curves fit, and isotonic ones fit whatever they see."""
    said, right = said_and_right(2)
    answers, weights = folds_of(said, right)
    calibration, mended = calibrate(answers, weights)
    assert calibration
    for place in range(5):
        others = [one for number, one in enumerate(answers) if number != place]
        target, told = (np.concatenate(part) for part in zip(*others, strict=True))
        curves = learn_curves(target, told, calibration.method)
        np.testing.assert_array_equal(
            mended[place][1], mend(answers[place][1], calibration.method, curves)
        )


def test_a_single_fold_is_mended_by_parts_of_it():
    said, right = said_and_right(2)
    calibration, [(target, mended)] = calibrate([(right, said)], [None])
    assert calibration
    assert (target == right).all()
    assert loss_of(right, mended) == pytest.approx(calibration.after)
    assert roc_auc_score(right, mended[:, 1]) == pytest.approx(
        roc_auc_score(right, said[:, 1]), abs=0.02
    )


def test_few_rows_teach_nothing():
    said, right = said_and_right(2, 90)
    assert calibrate(*folds_of(said, right))[0] is None
    many, truth = said_and_right(2)
    truth[:] = 0
    truth[:8] = 1
    assert calibrate(*folds_of(many, truth))[0] is None


@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_is_the_mean_gap_of_ten_bins(weighted):
    said, right = said_and_right(3, 500)
    weights = np.random.default_rng(1).uniform(0.5, 2, 500) if weighted else np.ones(500)
    likelihood, hit = said.max(axis=1), said.argmax(axis=1) == right
    wanted = 0.0
    for low in np.arange(0, 1, 0.1):
        rows = (likelihood >= low) & ((likelihood < low + 0.1) | (low > 0.85))
        if rows.any():
            gap = np.average(hit[rows], weights=weights[rows])
            gap -= np.average(likelihood[rows], weights=weights[rows])
            wanted += weights[rows].sum() / weights.sum() * abs(gap)
    given = weights if weighted else None
    assert calibration_error([(right, said)], [given]) == pytest.approx(wanted)


@pytest.mark.parametrize("method", ["logistic", "sigmoid", "isotonic"])
@pytest.mark.parametrize("labels", [2, 3])
def test_a_model_file_keeps_it(tmp_path, method, labels):
    said, right = said_and_right(labels, 400)
    forest = RandomForestClassifier(5, random_state=1, n_jobs=1).fit(said, right)
    model = Calibrated(forest, method, learn_curves(right, said, method))
    prepare = Numbers().fit(said)
    pipeline = Pipeline([("prepare", prepare), ("model", model)])
    model_files.save(pipeline, tmp_path / "model.skops")
    loaded = model_files.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(said), pipeline.predict_proba(said))


def table(rows: int = 1600) -> pd.DataFrame:
    """Labels that chance decides mostly, of which boosters are far too sure."""
    chance = np.random.default_rng(7)
    values = chance.normal(size=(rows, 6))
    right = values[:, 0] + 2 * chance.normal(size=rows) > 0
    return pd.DataFrame(values, columns=list("abcdef")).assign(y=np.where(right, "yes", "no"))


class TestTraining:
    @pytest.fixture(scope="class")
    def trained(self, train):
        return train(table(), "y", "classification", max_models=5, nfolds=3, sort_metric="logloss")

    def test_models_are_mended_where_it_helps(self, trained):
        mended = [line for line in trained.progress.lines if "; calibrated (" in line]
        assert mended
        for line in mended:
            name = line.partition(":")[0]
            after = float(line.split()[-1])
            (one,) = (one for one in trained.result.candidates if one.name == name)
            assert one.metrics["cv_logloss"] == pytest.approx(after, abs=0.02)

    def test_what_is_told_is_what_the_file_says(self, trained):
        rows = trained.frame.iloc[held_out(trained)[1]]
        for one in trained.result.candidates:
            told = model_file.load(one.path).predict_proba(rows)
            wanted = log_loss(rows.y, told[["no", "yes"]].to_numpy())
            assert one.metrics["logloss"] == pytest.approx(wanted, abs=1e-6)
            assert 0 <= one.metrics["cv_ece"] < 0.2
            assert one.explanation["permutation_importance"]

    def test_balanced_labels_are_left_as_they_are(self, train):
        balanced = train(table(600), "y", "classification", max_models=2, balance_classes=True)
        assert not any("calibrated" in line for line in balanced.progress.lines)

    def test_regressions_have_no_probabilities(self, train):
        of = table(300).assign(y=lambda one: one.a)
        numbers = train(of, "y", "regression", max_models=2)
        assert all("cv_ece" not in one.metrics for one in numbers.result.candidates)
