"""Quality in use: the metrics of what was answered are those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from projects_api.engines.labels import find_place, label_places
from projects_api.engines.monitoring.feedback import measure

CHANCE = np.random.default_rng(3)


def answers(truths, predicted, probabilities=None):
    told = [None] * len(truths) if probabilities is None else probabilities.tolist()
    return [
        {"prediction": float(one), "probabilities": each, "truth": truth}
        for truth, one, each in zip(truths, predicted, told, strict=True)
    ]


def test_of_two_labels():
    truths = CHANCE.integers(0, 2, 500)
    positive = np.clip(0.35 * (1 - truths) + CHANCE.random(500) * 0.6, 0.01, 0.99)
    probabilities = np.column_stack([positive, 1 - positive])
    chosen = np.where(positive >= 0.7, 0, 1)  # by a threshold that the model does not have
    signature = {"labels": ["bad", "good"], "positive_label": "bad"}
    known = answers(truths.tolist(), chosen, probabilities)
    unknown = answers([None] * 50, [0] * 50, probabilities[:50])
    found = measure(signature, {"auc": 0.9, "threshold": 0.4, "cv_auc": 0.8}, known + unknown)
    right, told = truths == 0, chosen == 0
    of_classes = metrics.recall_score(right, told, average="macro")
    assert found["rows"] == 500
    assert found["held_out"] == {"auc": 0.9}
    assert found["metrics"] == pytest.approx(
        {
            "auc": metrics.roc_auc_score(right, positive),
            "aucpr": metrics.average_precision_score(right, positive),
            "logloss": metrics.log_loss(right, positive),
            "accuracy": metrics.accuracy_score(right, told),
            "f1": metrics.f1_score(right, told),
            "precision": metrics.precision_score(right, told),
            "recall": metrics.recall_score(right, told),
            "mean_per_class_error": 1 - of_classes,
        }
    )


def test_of_numbers():
    truths, predicted = CHANCE.gamma(2, size=300), CHANCE.gamma(2, size=300)
    found = measure({"labels": None}, {"rmse": 1.5}, answers(truths.tolist(), predicted))
    assert found["metrics"] == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(truths, predicted),
            "mse": metrics.mean_squared_error(truths, predicted),
            "mae": metrics.mean_absolute_error(truths, predicted),
            "r2": metrics.r2_score(truths, predicted),
            "rmsle": metrics.root_mean_squared_log_error(truths, predicted),
        }
    )
    assert found["held_out"] == {"rmse": 1.5}


def test_of_many_labels_without_probabilities():
    truths, chosen = CHANCE.integers(0, 150, 2000), CHANCE.integers(0, 150, 2000)
    signature = {"labels": [f"label {number}" for number in range(150)]}
    found = measure(signature, {}, answers(truths.tolist(), chosen))["metrics"]
    how = {"labels": np.unique(truths), "average": "macro", "zero_division": 0}
    assert set(found) == {"accuracy", "f1", "precision", "recall", "mean_per_class_error"}
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truths, chosen))
    assert found["f1"] == pytest.approx(metrics.f1_score(truths, chosen, **how))


def test_what_is_not_defined_is_left_out():
    signature = {"labels": ["a", "b"], "positive_label": "b"}
    found = measure(signature, {}, answers([1], [1], np.array([[0.25, 0.75]])))
    assert found["rows"] == 1
    assert "auc" not in found["metrics"]
    assert found["metrics"]["logloss"] == pytest.approx(-np.log(0.75))


def test_without_truths_there_is_none():
    assert measure({"labels": None}, {}, answers([None], [1])) is None
    assert measure({"labels": None}, {}, []) is None


@pytest.mark.parametrize(
    ("labels", "value", "place"),
    [
        (["no", "yes"], "yes", 1),
        (["no", "yes"], "Yes", None),
        ([0, 1], 1, 1),
        ([0, 1], 1.0, 1),
        ([0, 1], "1", 1),
        ([0, 1], True, None),
        ([0.5, 1.0], 1, 1),
        ([False, True], True, 1),
        ([False, True], "true", 1),
        ([False, True], 1, None),
        (["1", "2"], 2, 1),
        (["1.0", 1], 1.0, 0),
        (["a"], None, None),
        (["a"], ["a"], None),
        ([1], 10**400, None),
        ([1], float("1e300"), None),
    ],
)
def test_which_label_a_value_means(labels, value, place):
    assert find_place(label_places(labels), value) == place
