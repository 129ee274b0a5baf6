"""Answers in use: their drift beside the test of the model, by independent formulas."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from projects_api.engines.evaluation import evaluate
from projects_api.engines.monitoring.answers import MAX_LABELS, as_kept, measure
from projects_api.engines.monitoring.drift import psi

LABELS = {"labels": ["no", "yes"], "positive_label": "no"}
NUMBERS = {"labels": None}
CHANCE = np.random.default_rng(7)


def of_numbers(values):
    return [{"prediction": value, "probabilities": None, "truth": None} for value in values]


def of_labels(probabilities):
    """Give answers of a deployment whose threshold had everything be "yes"."""
    return [{"prediction": 1.0, "probabilities": [p, 1 - p], "truth": None} for p in probabilities]


def held_out(of_no: int, of_yes: int):
    probabilities = np.array([[0.9, 0.1]] * of_no + [[0.2, 0.8]] * of_yes)
    return evaluate(np.zeros(of_no + of_yes, dtype=int), probabilities, LABELS["labels"])


class TestKept:
    def test_labels_are_kept_by_their_places(self):
        signature = {"labels": [1, True, "1.0", "x"]}
        names = ["1", "true", "1.0", "x"]
        told = [
            {"prediction": label, "probabilities": dict.fromkeys(names, 0.25) | {name: 0.5}}
            for label, name in zip(signature["labels"], names, strict=True)
        ]
        kept = as_kept(signature, told)
        assert [one["prediction"] for one in kept] == [0, 1, 2, 3]
        assert [one["probabilities"].index(0.5) for one in kept] == [0, 1, 2, 3]

    def test_numbers_as_they_are(self):
        told = [{"prediction": -1.25, "probabilities": None}]
        assert as_kept(NUMBERS, told) == [{"prediction": -1.25, "probabilities": None}]

    @pytest.mark.parametrize("count", [MAX_LABELS, MAX_LABELS + 1])
    def test_probabilities_have_a_bound(self, count):
        labels = [f"label {number}" for number in range(count)]
        told = [{"prediction": labels[-1], "probabilities": dict.fromkeys(labels, 1 / count)}]
        (kept,) = as_kept({"labels": labels}, told)
        assert kept["prediction"] == count - 1
        assert (kept["probabilities"] is None) == (count > MAX_LABELS)


class TestDrift:
    def test_of_labels_by_the_models_own_threshold(self):
        # By its own threshold for "no", 0.3, this model says "no" of 0.3 and 0.9 alone.
        answers = of_labels([0.9] * 100 + [0.3] * 60 + [0.29] * 240)
        found = measure(LABELS, held_out(320, 80), 0.3, answers)
        assert found["psi"] == pytest.approx(psi([320, 80], [160, 240]), abs=1e-6)
        assert (found["name"], found["kind"], found["rows"]) == ("prediction", "category", 400)
        assert found["verdict"] == "drift"

    def test_of_labels_as_the_test_had_them(self):
        answers = of_labels([0.9] * 240 + [0.1] * 60)
        found = measure(LABELS, held_out(320, 80), 0.5, answers)
        assert (found["psi"], found["verdict"]) == (0, "stable")

    def test_of_more_labels_by_what_was_answered(self):
        signature = {"labels": ["a", "b", "c"]}
        evaluation = evaluate(np.arange(300) % 3, np.eye(3)[np.arange(300) % 3], ["a", "b", "c"])
        answers = [
            {"prediction": float(place), "probabilities": None, "truth": None}
            for place in [0] * 60 + [1] * 180 + [2] * 60
        ]
        found = measure(signature, evaluation, None, answers)
        assert found["psi"] == pytest.approx(psi([100, 100, 100], [60, 180, 60]), abs=1e-6)

    @pytest.mark.parametrize(("shift", "verdict"), [(0, "stable"), (1.0, "drift")])
    def test_of_numbers(self, shift, verdict):
        predicted = CHANCE.normal(size=2000)
        evaluation = evaluate(np.zeros(2000), predicted, None)
        sample = [one for one, _ in evaluation["residuals"]]
        asked = (CHANCE.normal(size=3000) + shift).tolist()
        found = measure(NUMBERS, evaluation, None, of_numbers(asked))
        known = ks_2samp(sample, asked, method="asymp")
        assert found["ks_statistic"] == pytest.approx(known.statistic, abs=1e-6)
        assert abs(found["ks_p_value"] - known.pvalue) < 0.01
        assert found["verdict"] == verdict

    @pytest.mark.parametrize(("rows", "of_test"), [(299, 400), (400, 299)])
    def test_too_few_of_either_do_not_tell(self, rows, of_test):
        found = measure(LABELS, held_out(of_test, 0), 0.5, of_labels([0.1] * rows))
        assert (found["psi"], found["verdict"]) == (None, "not_enough_data")
        # Whoever looks can tell which of the two it is, and that more answers would not help.
        assert (found["rows"], found["reference_rows"]) == (rows, of_test)

    def test_without_answers_or_a_test_there_is_none(self):
        assert measure(LABELS, held_out(400, 0), 0.5, []) is None
        assert measure(LABELS, {}, 0.5, of_labels([0.5])) is None
        assert measure(NUMBERS, {}, None, of_numbers([0.5])) is None
        assert measure(None, held_out(400, 0), 0.5, of_labels([0.5])) is None
