"""Which of two labels is positive, and from which probability on it is chosen."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from projects_api.engines import TrainingConfig, TrainingRefused, config_faults, prediction
from projects_api.engines.decision import Decision, aim, best_threshold
from projects_api.engines.evaluation import score
from projects_api.engines.inputs import check_rows

from .tables import held_out

MEASURES = {
    "f1": metrics.f1_score,
    "accuracy": metrics.accuracy_score,
    "mean_per_class_error": metrics.balanced_accuracy_score,
}


def frauds(rows=400, share=0.08) -> pd.DataFrame:
    """Payments, of which few are frauds, and hardly one of them is likelier than not to be one."""
    random = np.random.default_rng(11)
    amount, hour = random.normal(size=rows), random.normal(size=rows)
    odds = 1.2 * amount + hour + random.normal(0, 1.5, rows)
    fraud = odds >= np.quantile(odds, 1 - share)
    return pd.DataFrame(
        {"amount": amount, "hour": hour, "target": np.where(fraud, "fraud", "legit")}
    )


@pytest.fixture(scope="module")
def training(train):
    return train(frauds(), "target", "classification", max_models=5, nfolds=3)


@pytest.mark.parametrize("metric", MEASURES)
@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("seed", range(3))
def test_no_other_threshold_is_better(metric, digits, seed):
    random = np.random.default_rng(seed)
    right = random.random(80) < 0.2
    probability = np.clip(0.3 * random.random(80) + 0.3 * right, 0, 1).round(digits)
    found = best_threshold(right, probability, metric)
    every = [MEASURES[metric](right, probability >= one) for one in np.unique(probability)]
    assert MEASURES[metric](right, probability >= found) == pytest.approx(max(every))
    assert found not in probability


@pytest.mark.parametrize("right", [np.zeros(9, bool), np.ones(9, bool)])
def test_where_nothing_can_be_told_apart_it_is_a_half(right):
    assert best_threshold(right, np.linspace(0, 1, 9), "f1") == 0.5


def test_of_several_best_ones_it_is_the_nearest_to_a_half():
    right = np.array([False, False, True, True])
    assert best_threshold(right, np.array([0.0, 0.2, 0.8, 1.0]), "f1") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rare", "config", "told"),
    [
        (33, {}, "f1"),
        (34, {}, "none"),
        (3, {"balance_classes": True}, "none"),
        (3, {"threshold_metric": "none"}, "none"),
        (50, {"threshold_metric": "accuracy"}, "accuracy"),
        (3, {"balance_classes": True, "threshold_metric": "f1"}, "f1"),
    ],
)
def test_uneven_labels_aim_at_f1(rare, config, told):
    target = np.repeat([0, 1], [rare, 100 - rare])
    assert aim(TrainingConfig(**config), target) == told
    assert aim(TrainingConfig(**config), 1 - target) == told


def test_metrics_are_those_of_the_positive_label_at_the_threshold():
    random = np.random.default_rng(1)
    target = (random.random(200) < 0.3).astype(int)
    second = np.clip(0.2 + 0.3 * target + 0.3 * random.random(200), 0, 1)
    probabilities = np.stack([1 - second, second], axis=1)
    for positive, threshold in ((0, 0.42), (1, 0.61)):
        told = score(target, probabilities, 2, decision=Decision(positive, threshold))
        truth, probability = target == positive, probabilities[:, positive]
        chosen = probability >= threshold
        assert told == pytest.approx(
            {
                "auc": metrics.roc_auc_score(truth, probability),
                "logloss": metrics.log_loss(target, probabilities),
                "accuracy": metrics.accuracy_score(truth, chosen),
                "f1": metrics.f1_score(truth, chosen),
                "precision": metrics.precision_score(truth, chosen),
                "recall": metrics.recall_score(truth, chosen),
                "aucpr": metrics.average_precision_score(truth, probability),
                "mean_per_class_error": 1 - metrics.balanced_accuracy_score(truth, chosen),
            }
        )


def test_a_rare_label_is_the_positive_one_and_is_found(training):
    _, tested = held_out(training)
    truth = training.frame["target"].to_numpy()[tested]
    signature = training.result.signature
    assert signature["labels"] == ["fraud", "legit"]
    assert signature["positive_label"] == "fraud"
    for candidate in training.result.candidates:
        told = candidate.metrics
        predictor = prediction.load(candidate.path, signature)
        rows = training.frame.drop(columns="target").iloc[tested].to_dict(orient="records")
        answers = predictor.predict(check_rows(signature, rows), told["threshold"])
        chosen = [answer["prediction"] for answer in answers]
        assert told["recall"] == metrics.recall_score(truth, chosen, pos_label="fraud")
        assert told["f1"] == metrics.f1_score(truth, chosen, pos_label="fraud", zero_division=0)
        matrix = metrics.confusion_matrix(truth, chosen, labels=["fraud", "legit"])
        assert candidate.evaluation["confusion"]["matrix"] == matrix.tolist()
    best = training.result.candidates[0].metrics
    assert best["threshold"] < 0.5
    assert best["f1"] > 0.3


def test_a_request_chooses_another_threshold(training):
    best = training.result.candidates[0]
    predictor = prediction.load(best.path, training.result.signature)
    rows = training.frame.drop(columns="target").head(50).to_dict(orient="records")
    for threshold in (0.0, 0.02, 0.3, 1.0):
        for answer in predictor.predict(rows, threshold):
            is_fraud = answer["probabilities"]["fraud"] >= threshold
            assert answer["prediction"] == ("fraud" if is_fraud else "legit")


def test_a_model_from_before_has_the_second_label_and_a_half(training):
    signature = {k: v for k, v in training.result.signature.items() if k != "positive_label"}
    rows = training.frame.drop(columns="target").to_dict(orient="records")
    best = training.result.candidates[0]
    for answer in prediction.load(best.path, signature).predict(rows):
        likeliest = max(answer["probabilities"], key=answer["probabilities"].get)
        assert answer["prediction"] == likeliest


def test_a_forged_positive_label_is_refused(training):
    signature = {**training.result.signature, "positive_label": "neither"}
    with pytest.raises(prediction.ModelRefused):
        prediction.load(training.result.candidates[0].path, signature)


@pytest.mark.parametrize(
    ("labels", "wanted", "found"),
    [
        (["fraud", "legit"], "legit", "legit"),
        ([False, True], False, False),
        ([False, True], None, False),
        ([0, 1], 1.0, 1),
        ([0.0, 1.0], 1, 1.0),
        ([0, 1], "1", 1),
    ],
)
def test_a_positive_label_can_be_chosen(train, labels, wanted, found):
    frame = frauds(80, 0.3)
    frame["target"] = [labels[one == "legit"] for one in frame["target"]]
    config = {"exclude_algos": ["GBM", "XGBoost", "DRF", "XRT"], "max_models": 1}
    result = train(frame, "target", "classification", positive_label=wanted, **config).result
    assert result.signature["positive_label"] is found or (
        result.signature["positive_label"] == found and type(found) is not bool
    )


@pytest.mark.parametrize(
    ("labels", "wanted", "reason"),
    [
        (["a", "b"], "c", "no value 'c' .* it has 'a' and 'b'"),
        ([0, 1], True, "no value 'true'"),
        (["a", "b", "c"], "c", "3 different values; a positive_label is for a target with two"),
    ],
)
def test_a_positive_label_that_is_none_is_refused(train, labels, wanted, reason):
    frame = frauds(60)
    frame["target"] = [labels[row % len(labels)] for row in range(60)]
    with pytest.raises(TrainingRefused, match=reason):
        train(frame, "target", "classification", positive_label=wanted)


def test_a_config_without_sense_is_refused():
    plain = {"sort_metric": "AUTO", "stopping_metric": "AUTO", "exclude_algos": []}

    def pointers(kind, **config):
        return [place for place, _ in config_faults(["flaml"], kind, {**plain, **config})]

    assert pointers("classification", positive_label="x", threshold_metric="f1") == []
    assert pointers("regression", positive_label=None, threshold_metric="auto") == []
    assert pointers("classification", positive_label=["x"]) == ["/positive_label"]
    assert pointers("regression", positive_label="x") == ["/positive_label"]
    assert pointers("regression", threshold_metric="f1") == ["/threshold_metric"]


def test_every_algorithm_weighs_rare_labels_when_balanced(train):
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"x": random.integers(0, 2, 600), "target": random.random(600) < 0.1})
    plain, balanced = (
        train(frame, "target", "classification", nfolds=0, balance_classes=balance)
        for balance in (False, True)
    )
    rows = check_rows(plain.result.signature, [{"x": 0}, {"x": 1}])

    def mean(training, kind):
        [model] = [one for one in training.result.candidates if one.model_type == kind]
        answers = prediction.load(model.path, training.result.signature).predict(rows)
        return np.mean([answer["probabilities"]["true"] for answer in answers])

    for kind in ("GBM", "XGBoost", "GLM", "DRF", "XRT"):
        assert mean(plain, kind) == pytest.approx(0.1, abs=0.05), kind
        assert mean(balanced, kind) == pytest.approx(0.5, abs=0.1), kind


def test_a_regression_has_nothing_to_balance_and_is_told_so(train):
    frame = frauds(60).drop(columns="target")
    config = {"exclude_algos": ["GBM", "XGBoost", "DRF", "XRT"], "max_models": 1}
    training = train(frame, "amount", "regression", balance_classes=True, **config)
    assert any("balance_classes changes nothing" in line for line in training.progress.lines)
