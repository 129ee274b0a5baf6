"""Drift: the index by its definition, the test against a library's, and both on known data."""

import math

import numpy as np
import pytest
from scipy.stats import entropy, ks_2samp

from projects_api.engines.columns import Column
from projects_api.engines.data_summary import reference as summary_of
from projects_api.engines.monitoring.drift import MINIMUM_ROWS, bins, ks, measure, psi
from projects_api.engines.table import Table

CHANCE = np.random.default_rng(1)
DRAWN = np.random.default_rng(2)


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
    """The summary that a training makes of a column."""
    cells = np.asarray(sample, dtype=np.float64)
    rows = np.arange(len(cells))
    table = Table([Column("x", "number", cells)], cells, None, rows, rows[:0])
    return summary_of(table, seed=1)["inputs"]["x"]


def number_of_before(sample):
    """The summary of a number that models have which were trained when there were deciles alone."""
    edges = np.unique(np.quantile(sample, np.linspace(0, 1, 11), method="nearest"))
    counts, edges = np.histogram(sample, np.repeat(edges, 2) if len(edges) == 1 else edges)
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "sample": np.sort(np.random.default_rng(3).permutation(sample)[:500]).tolist(),
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


def draw(values, shares, size):
    return DRAWN.choice(np.array(values, dtype=np.float64), size, p=shares)


def zeros(share, others):
    return np.where(DRAWN.random(len(others)) < share, 0.0, others)


OTHERS = {
    "a flag": (draw([0, 1], [0.5, 0.5], 1500), np.ones(400)),
    "a flag, gone": (draw([0, 1], [0.5, 0.5], 1500), np.zeros(400)),
    "a rare flag": (draw([0, 1], [0.94, 0.06], 1500), draw([0, 1], [0.5, 0.5], 400)),
    "one of three is gone": (draw([0, 1, 2], [0.4, 0.3, 0.3], 1500), draw([0, 2], [0.5, 0.5], 400)),
    "the best rating is gone": (
        draw(range(1, 6), [0.2] * 5, 1500), draw(range(1, 5), [0.25] * 4, 400)
    ),
    "the two best trade places": (
        draw(range(5), [0.1, 0.1, 0.1, 0.1, 0.6], 1500),
        draw(range(5), [0.1, 0.1, 0.1, 0.6, 0.1], 400),
    ),
    "nearly all zeros, none now": (draw([0, 100], [0.95, 0.05], 1500), np.full(400, 100.0)),
    "zeros and amounts, none now": (
        zeros(0.9, DRAWN.lognormal(3, 1, 1500)), DRAWN.lognormal(3, 1, 400)
    ),
    "amounts, all zero now": (zeros(0.2, DRAWN.lognormal(3, 1, 1500)), np.zeros(400)),
    "one value, another now": (np.full(1500, 3.0), np.full(400, 4.0)),
    "halves": (draw([0, 10], [0.5, 0.5], 1500), np.full(400, 5.0)),
    "all above": (DRAWN.normal(size=1500), DRAWN.normal(size=400) + 100),
    "all below": (DRAWN.normal(size=1500), DRAWN.normal(size=400) - 100),
    "half beyond the largest": (
        DRAWN.random(1500), np.where(DRAWN.random(400) < 0.5, 2.0, DRAWN.random(400))
    ),
}  # fmt: skip
SAMES = {
    "a flag": (draw([0, 1], [0.5, 0.5], 1500), draw([0, 1], [0.5, 0.5], 400)),
    "zeros": (draw([0, 100], [0.95, 0.05], 1500), draw([0, 100], [0.95, 0.05], 400)),
    "amounts": (zeros(0.6, DRAWN.lognormal(3, 1, 1500)), zeros(0.6, DRAWN.lognormal(3, 1, 400))),
    "ratings": (draw(range(1, 6), [0.2] * 5, 1500), draw(range(1, 6), [0.2] * 5, 400)),
    "numbers": (DRAWN.normal(size=1500), DRAWN.normal(size=400)),
    "counts": (DRAWN.poisson(4, 1500).astype(float), DRAWN.poisson(4, 400).astype(float)),
}
COUNTED = [*(pair for name, pair in OTHERS.items() if name.startswith(("a ", "one of", "the ")))]


def by_values(before, now):
    """The index of the values as they are, computed in another way: as two relative entropies."""
    values = np.unique(np.concatenate([before, now]))
    shares = [
        np.maximum([(numbers == value).mean() for value in values], 1e-4)
        for numbers in (before, now)
    ]
    first, second = shares
    # scipy brings shares to a sum of one; the floor adds so little that it does not show.
    return entropy(first, second) + entropy(second, first)


def measured(known, rows):
    (feature,) = measure(reference(x=known), [{"x": value} for value in rows.tolist()])["features"]
    return feature


@pytest.mark.parametrize("summary", [number, number_of_before])
@pytest.mark.parametrize(("before", "now"), OTHERS.values(), ids=OTHERS)
def test_what_moved_is_drift_whatever_numbers_it_is_made_of(summary, before, now):
    assert measured(summary(before), now)["verdict"] == "drift"


@pytest.mark.parametrize("summary", [number, number_of_before])
@pytest.mark.parametrize(("before", "now"), SAMES.values(), ids=SAMES)
def test_what_did_not_move_is_stable(summary, before, now):
    assert measured(summary(before), now)["verdict"] == "stable"


@pytest.mark.parametrize(("before", "now"), COUNTED)
def test_numbers_with_few_values_have_the_index_of_their_values(before, now):
    assert measured(number(before), now)["psi"] == pytest.approx(by_values(before, now), abs=0.01)


@pytest.mark.parametrize(("before", "now"), COUNTED)
def test_summaries_of_before_are_counted_by_their_sample(before, now):
    known = number_of_before(before)
    sample = np.array(known["sample"])
    assert measured(known, now)["psi"] == pytest.approx(by_values(sample, now), abs=0.01)


def test_a_number_that_many_rows_share_is_never_on_a_heap_with_others():
    few = bins(number([1.0] * 60 + [2.0] * 60 + [3.0] * 880), [])
    assert [one["value"] for one in few if "value" in one] == ["1", "2", "3"]
    steps = np.repeat([20.5, *range(50)], [120, *[20] * 50])
    shared = bins(number(steps), [20.5, 20.5, 21])
    assert {"value": "20.5", "expected": 120, "actual": 2} in shared
    assert sum(one["actual"] for one in shared) == 3


@pytest.mark.parametrize(("before", "now"), [*OTHERS.values(), *SAMES.values()])
def test_the_test_beside_is_the_library_s(before, now):
    known = number(before)
    statistic, p_value = ks_2samp(known["sample"], now, method="asymp")
    told = measured(known, now)
    assert told["ks_statistic"] == pytest.approx(statistic, abs=1e-6)
    assert told["ks_p_value"] == pytest.approx(p_value, abs=0.02)


def test_the_verdict_never_contradicts_the_test():
    for size in range(1, 40):
        before = DRAWN.normal(size=2000)
        told = measured(number(before), DRAWN.normal(size=1000) + size / 40)
        if told["ks_p_value"] < 0.001 and told["ks_statistic"] > 0.2:
            assert told["verdict"] == "drift"
        if told["psi"] > 0.25:
            assert told["verdict"] == "drift"


def test_every_row_is_on_one_heap():
    for before, now in [*OTHERS.values(), *SAMES.values()]:
        for known in (number(before), number_of_before(before)):
            counted = bins(known, now.tolist())
            assert sum(one["actual"] for one in counted) == len(now)
            assert sum(one["expected"] for one in counted) == pytest.approx(len(before), abs=5)
        again = bins(number(before), before.tolist())
        assert [one["expected"] for one in again] == [one["actual"] for one in again]


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
        "heaps": [[0, 0, 50], [1, 1, 30], [2.5, 3, 20]],
        "sample": [0],
        "missing": 10,
    }
    values = [-7, 0, 0.5, 1, 2, 3, 99, None] * 100
    assert bins(known, values) == [
        {"rest": "below", "expected": 0, "actual": 100},
        {"value": "0", "expected": 50, "actual": 100},
        {"value": "1", "expected": 30, "actual": 100},
        {"lower": 2.5, "upper": 3, "expected": 20, "actual": 200},
        {"rest": "between", "expected": 0, "actual": 100},
        {"rest": "above", "expected": 0, "actual": 100},
        {"rest": "missing", "expected": 10, "actual": 100},
    ]
    (feature,) = measure(reference(x=known), [{"x": value} for value in values])["features"]
    by_hand = psi([1, 50, 30, 20, 1, 1, 10], [100, 100, 100, 200, 100, 100, 100])
    assert feature["psi"] == pytest.approx(by_hand, abs=1e-6)


def test_heaps_of_values_put_rare_and_new_ones_together():
    known = {"kind": "boolean", "counts": {"true": 98, "false": 2}, "other": 0, "missing": 0}
    assert bins(known, [True, False, False]) == [
        {"value": "true", "expected": 98, "actual": 1},
        {"rest": "other", "expected": 2, "actual": 2},
        {"rest": "missing", "expected": 0, "actual": 0},
    ]


@pytest.mark.parametrize(
    "forged",
    [
        {"heaps": [[3, 1, 5], [2, 2, 0], [-1, 7, 1]], "sample": [5, 1]},
        {"heaps": [], "sample": []},
        {"edges": [1, 2], "counts": [1] * 40, "sample": []},
        {"edges": [], "counts": [], "sample": [1]},
        {"edges": [5], "counts": [], "sample": []},
    ],
)
def test_a_summary_from_elsewhere_is_measured_whatever_it_says(forged):
    """Imports bring summaries that fit the schema of archives, and no more is known of them."""
    known = {"kind": "number", "missing": 0, **forged}
    counted = bins(known, [float(value) for value in range(-5, 10)])
    assert sum(one["actual"] for one in counted) == 15
    assert math.isfinite(measured(known, np.arange(400.0))["psi"])
