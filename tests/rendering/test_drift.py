"""The section about drift, from a deployment that nobody asked to one with a hundred columns."""

import pytest

from projects_api.engines.monitoring import drift
from projects_api.rendering import render
from tests.rendering import facts as made
from tests.rendering.test_rendering import Reader, read_pdf

DEPLOYMENT = {
    "name": "live",
    "model_name": "GBM 1",
    "stage": "staging",
    "status": "active",
    "traffic_percent": 25,
    "created_at": made.MOMENT,
    "updated_at": made.MOMENT,
}
THRESHOLDS = {"moderate_from": drift.MODERATE_FROM, "drift_above": drift.DRIFT_ABOVE}


def numbers(low: int) -> dict:
    return {
        "kind": "number",
        "heaps": [[low, low + 49, 50], [low + 50, low + 99, 50]],
        "sample": list(range(low, low + 100)),
        "missing": 0,
    }


def report(measured: dict, *spread: dict) -> dict:
    return made.report(
        "deployment",
        deployments=[DEPLOYMENT],
        model_id="classification-1",
        sections=["deployments"],
        drift={**measured, **THRESHOLDS, "spreads": list(spread)},
    )


@pytest.mark.parametrize(
    ("reference", "count", "words"),
    [
        ({"rows": 100, "inputs": {"a": numbers(0)}}, 0, "was asked nothing yet"),
        ({"rows": 100, "inputs": {"a": numbers(0)}}, 40, "too few to tell drift from chance"),
        (None, 400, "nobody has kept what its model was trained on"),
    ],
)
def test_what_cannot_be_measured_is_told(tmp_path, reference, count, words):
    measured = drift.measure(reference, [{"a": 1}] * count)
    files = render(report(measured), tmp_path)
    read = Reader(files["text/html"].read_text())
    assert "svg" not in read.seen
    for text in (read.text, read_pdf(files["application/pdf"])[1]):
        assert words in text
        assert "40 rows" in text or count != 40


def test_the_worst_of_many_columns_with_any_names(tmp_path):
    names = [*made.NAMES, *(f"a column with a long name, number {count}" for count in range(94))]
    known = {name: numbers(99 - place) for place, name in enumerate(names)}
    rows = [dict.fromkeys(names, value) for value in range(100)] * 4
    measured = drift.measure({"rows": 100, "inputs": known}, rows)
    worst = names[0]
    bins = drift.bins(known[worst], [row[worst] for row in rows])
    kinds = {"kind": "category", "verdict": "drift", "psi": 3.0}
    values = [
        {"value": name, "expected": 10, "actual": 10 * place}
        for place, name in enumerate(made.NAMES)
    ]
    spread = ({"name": worst, "kind": "number", "bins": bins}, {"name": "x", **kinds})
    facts = report(measured, spread[0], {**spread[1], "bins": values})
    files = render(facts, tmp_path)
    read = Reader(files["text/html"].read_text())
    index, distribution = read.said
    assert "The 85 that moved least are left out." in index
    assert (
        "below all: 0.0%, now 99.0%; 99 to 149: 50.0%, now 1.0%; 149 to 198: 50.0%, now 0.0%."
        in distribution
    )
    assert "שם עמודה: 16.7%, now 13.3%" in distribution
    counts = [
        sum(one["verdict"] == kind for one in measured["features"])
        for kind in ("drift", "moderate", "stable")
    ]
    assert min(counts) > 0
    assert f"{counts[0]} drifted, {counts[1]} moved moderately, {counts[2]} stable" in read.text
    assert "The first 50 of 100 are shown." in read.text
    assert "number 40" in read_pdf(files["application/pdf"])[1]
