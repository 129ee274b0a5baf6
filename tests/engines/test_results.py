"""What a training tells of its models and its data."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
    root_mean_squared_error,
)

from projects_api import model_file
from projects_api.engines.evaluation import evaluate
from projects_api.engines.labels import label_text

from .tables import held_out


@pytest.mark.parametrize("name", ["breast cancer", "wine", "digits", "titanic"])
def test_the_evaluation_of_a_classification_adds_up(trained, name):
    training = trained(name)
    labels = [str(label).lower() for label in training.result.signature["labels"]]
    for candidate in training.result.candidates:
        told = candidate.evaluation
        matrix = np.array(told["confusion"]["matrix"])
        assert told["confusion"]["labels"] == labels
        assert matrix.sum() == told["rows"] == len(held_out(training)[1])
        assert matrix.sum(axis=1).tolist() == list(told["class_balance"].values())
        assert math.isclose(np.trace(matrix) / told["rows"], candidate.metrics["accuracy"])
        assert [curve["label"] for curve in told["roc"]] == labels
        assert all(2 <= len(curve["points"]) <= 100 for curve in told["roc"])
        assert all(curve["points"][0] == [0, 0] for curve in told["roc"])
        assert all(curve["points"][-1] == [1, 1] for curve in told["roc"])
        assert len(told["precision_recall"]) == len(labels)
    if len(labels) == 2:
        assert math.isclose(told["roc"][1]["auc"], candidate.metrics["auc"])


@pytest.mark.parametrize("name", ["wine", "titanic"])
def test_the_curves_are_those_of_scikit_learn(trained, name):
    training = trained(name)
    tested = training.frame.iloc[held_out(training)[1]]
    truth = tested[training.task.target]
    for candidate in training.result.candidates:
        told = candidate.evaluation
        model = model_file.load(candidate.path)
        chosen, probabilities = model.predict(tested), model.predict_proba(tested)
        matrix = confusion_matrix(truth, chosen, labels=model.classes_)
        assert told["confusion"]["matrix"] == matrix.tolist()
        curves = zip(told["roc"], told["precision_recall"], told["calibration"], strict=True)
        for label, (roc, found, calibrated) in zip(model.classes_, curves, strict=True):
            assert {roc["label"], found["label"], calibrated["label"]} == {label_text(label)}
            right, said = truth == label, probabilities[label].to_numpy()
            assert roc["auc"] == pytest.approx(roc_auc_score(right, said))
            assert roc["points"] == approximately(roc_curve(right, said)[:2])
            assert found["average_precision"] == pytest.approx(average_precision_score(right, said))
            precision, recall, _ = precision_recall_curve(right, said)
            assert found["points"] == approximately((recall, precision))
            observed, predicted = calibration_curve(right, said, n_bins=10)
            bins = calibrated["bins"]
            assert [one["observed"] for one in bins] == pytest.approx(observed.tolist())
            assert [one["predicted"] for one in bins] == pytest.approx(predicted.tolist())
            assert sum(one["rows"] for one in bins) == told["rows"] == len(tested)


def approximately(curve):
    """Expect a whole curve, for the held-out rows are too few for thinning."""
    points = np.array(curve).T
    assert len(points) <= 100
    return [pytest.approx(point) for point in points.tolist()]


def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends():
    chance = np.random.default_rng(7)
    target = chance.integers(0, 2, 5000)
    said = np.clip(chance.normal(0.3 + 0.4 * target, 0.3), 0, 1)
    told = evaluate(target, np.column_stack([1 - said, said]), ["a", "b"])
    x, y, _ = roc_curve(target, said)
    places = [round(place * (len(x) - 1) / 99) for place in range(100)]
    assert len(x) > 1000
    assert told["roc"][1]["points"] == [[x[place], y[place]] for place in places]
    residuals = evaluate(said, said + 1, None)["residuals"]
    assert len(residuals) == 500
    assert residuals[0] == [said[0] + 1, said[0]]
    assert residuals[-1] == [said[-1] + 1, said[-1]]


def test_the_evaluation_of_a_regression_shows_residuals(trained):
    training = trained("diabetes")
    _, tested = held_out(training)
    for candidate in training.result.candidates:
        pairs = np.array(candidate.evaluation["residuals"])
        assert pairs[:, 1].tolist() == training.frame["target"].to_numpy()[tested].tolist()
        assert math.isclose(
            root_mean_squared_error(pairs[:, 1], pairs[:, 0]), candidate.metrics["rmse"]
        )


def test_explanations_name_what_matters(trained):
    for candidate in trained("titanic").result.candidates:
        importance = candidate.explanation["permutation_importance"]
        values = [item["importance"] for item in importance]
        assert values == sorted(values, reverse=True)
        assert len(importance) == 9
    best = trained("diabetes").result.candidates
    for candidate in best:
        leading = {item["feature"] for item in candidate.explanation["permutation_importance"][:3]}
        assert leading & {"bmi", "s5"}


def test_shap_is_told_where_the_model_allows(trained):
    for name in ("wine", "titanic", "diabetes"):
        for candidate in trained(name).result.candidates:
            shap = candidate.explanation["shap"]
            assert (shap is None) == (candidate.model_type in {"DRF", "XRT"})
            if shap is not None:
                values = [item["mean_absolute"] for item in shap]
                assert values == sorted(values, reverse=True)
                assert values[0] > 0


def test_the_signature_tells_what_models_take(trained):
    signature = trained("titanic").result.signature
    assert signature["labels"] == [False, True]
    kinds = {field["name"]: field["kind"] for field in signature["inputs"]}
    assert kinds == {
        "class": "number",
        "name": "text",
        "sex": "category",
        "age": "number",
        "alone": "boolean",
        "fare": "number",
        "cabin deck": "category",
        "home": "category",
        "boarded": "date",
    }
    categories = {field["name"]: field["categories"] for field in signature["inputs"]}
    assert categories["sex"] == ["female", "male"]
    assert categories["age"] is None
    lines = " ".join(trained("titanic").progress.lines)
    assert all(name in lines for name in ("'PassengerId'", "'ship'", "'ticket'"))


def test_the_reference_tells_how_training_rows_are_spread(trained):
    training = trained("titanic")
    told = training.result.reference
    rows = training.frame.iloc[held_out(training)[0]]
    assert told["rows"] == len(rows)
    age = told["inputs"]["age"]
    assert sum(count for _, _, count in age["heaps"]) + age["missing"] == len(rows)
    assert age["missing"] == rows["age"].isna().sum()
    assert age["heaps"][0][0] == rows["age"].min()
    assert age["heaps"][-1][1] == rows["age"].max()
    for lower, upper, count in age["heaps"]:
        assert rows["age"].between(lower, upper).sum() == count
    assert age["sample"] == sorted(age["sample"])
    assert told["inputs"]["sex"]["counts"] == rows["sex"].value_counts().to_dict()
    alone = told["inputs"]["alone"]["counts"]
    assert alone == {"true": rows["alone"].sum(), "false": (~rows["alone"]).sum()}
    assert set(told["inputs"]["boarded"]["counts"]) == {"1912-04"}
    home = told["inputs"]["home"]
    assert len(home["counts"]) == 50
    assert sum(home["counts"].values()) + home["other"] == len(rows)
