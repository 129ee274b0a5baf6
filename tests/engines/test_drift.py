"""Drift: the index by its definition, the test against a library's, and both on known data."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from projects_api.engines.drift import MINIMUM_ROWS, bins, ks, measure, psi

CHANCE = np.random.default_rng(1)


def test_psi_by_hand():
    expected = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert math.isclose(psi([50, 50], [6, 4]), expected)
    assert psi([10, 20, 30], [1, 2, 3]) == 0


def test_psi_of_empty_heaps_is_finite():
    assert 1 < psi([0, 10], [10, 0]) < 100
    assert math.isfinite(psi([0, 0], [1, 0]))


@pytest.mark.parametrize(
    ("first", "second", "shift"),
    [(500, 300, 0), (500, 1000, 0.1), (500, 300, 0.3), (400, 10_000, 0.05), (100, 300, 1)],
)
def test_ks_is_what_the_library_says(first, second, shift):
    samples = [
        np.sort(np.round(CHANCE.normal(at, size=size), 2)).tolist()
        for at, size in ((0, first), (shift, second))
    ]
    statistic, p_value = ks(*samples)
    known = ks_2samp(*samples, method="asymp")
    assert math.isclose(statistic, known.statistic)
    assert abs(p_value - known.pvalue) < 0.01


def test_ks_of_equal_and_of_apart():
    assert ks([1.0] * 50, [1.0] * 400) == (0, 1)
    assert ks([1.0] * 500, [2.0] * 500) == (1, pytest.approx(0, abs=1e-9))


def reference(**inputs):
    return {"rows": 1000, "inputs": inputs}


def verdict(known, rows):
    (feature,) = measure(reference(x=known), [{"x": value} for value in rows])["features"]
    return feature["verdict"]


def number(sample):
    counts, edges = np.histogram(sample, np.quantile(sample, np.linspace(0, 1, 11)))
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "sample": np.sort(sample[:500]).tolist(),
        "missing": 0,
    }


def test_chance_alone_is_hardly_ever_taken_for_drift():
    known = number(CHANCE.normal(size=1000))
    verdicts = [verdict(known, CHANCE.normal(size=MINIMUM_ROWS).tolist()) for _ in range(100)]
    assert verdicts.count("drift") == 0
    assert verdicts.count("stable") > 90


def test_a_shift_is_found_wherever_it_goes():
    known = number(CHANCE.normal(size=1000))
    for shift in (-1, 1, 100):
        assert verdict(known, CHANCE.normal(shift, size=MINIMUM_ROWS).tolist()) == "drift"


def test_a_number_with_hardly_any_values():
    known = {
        "kind": "number",
        "edges": [3.0, 3.0],
        "counts": [900],
        "sample": [3.0],
        "missing": 100,
    }
    assert verdict(known, [3.0] * 270 + [None] * 30) == "stable"
    assert verdict(known, [None] * 300) == "drift"


def test_values_of_every_kind():
    counts = {
        "kind": "category",
        "counts": {"a": 500, "b": 480, "c": 10},
        "other": 10,
        "missing": 0,
    }
    same = ["a"] * 150 + ["b"] * 145 + ["c", "unknown", "unheard", "d", "e"]
    assert verdict(counts, same) == "stable"
    assert verdict(counts, ["c"] * 300) == "drift"
    true = {"kind": "boolean", "counts": {"true": 500, "false": 500}, "other": 0, "missing": 0}
    assert verdict(true, [True, False] * 150) == "stable"
    assert verdict(true, [True] * 300) == "drift"
    dates = {"kind": "date", "counts": {"2026-01": 500, "2026-02": 500}, "other": 0, "missing": 0}
    assert verdict(dates, ["2026-01-05", "2026-02-07T10:00:00"] * 150) == "stable"
    assert verdict(dates, ["2027-01-05"] * 300) == "drift"
    texts = {"kind": "text", "counts": {"1-4": 1000}, "other": 0, "missing": 0}
    assert verdict(texts, ["some words"] * 300) == "stable"


def test_a_model_without_inputs_has_no_drift():
    assert measure(reference(), [{}] * 300)["verdict"] == "not_enough_data"


def test_the_index_compares_the_heaps_that_are_shown():
    known = {
        "kind": "number",
        "edges": [0.0, 1.0, 2.0, 3.0],
        "counts": [50, 2, 48],
        "sample": [0.5],
        "missing": 10,
    }
    values = [-7, 0.5, 1.5, 2, 99, None] * 100
    found = bins(known, values)
    assert found == [
        {"lower": None, "upper": 1.0, "expected": 50, "actual": 200},
        {"lower": 1.0, "upper": None, "expected": 50, "actual": 300},
        {"rest": "missing", "expected": 10, "actual": 100},
    ]
    (feature,) = measure(reference(x=known), [{"x": value} for value in values])["features"]
    assert feature["psi"] == pytest.approx(psi([50, 50, 10], [200, 300, 100]), abs=1e-6)


def test_heaps_of_values_put_rare_and_new_ones_together():
    known = {"kind": "boolean", "counts": {"true": 98, "false": 2}, "other": 0, "missing": 0}
    assert bins(known, [True, False, False]) == [
        {"value": "true", "expected": 98, "actual": 1},
        {"rest": "other", "expected": 2, "actual": 2},
        {"rest": "missing", "expected": 0, "actual": 0},
    ]
