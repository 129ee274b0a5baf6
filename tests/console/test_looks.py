"""What models and deployments show of themselves, by value: residuals, drift, and a roll back."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.console.places import DEPLOYMENT, MODEL, PLACES, PROJECT


def test_residuals_are_what_was_true_less_what_was_said(owner):
    pairs = [[10.0, 12.0], [20.0, 19.0], [30.0, 30.0], [40.0, 36.0]]
    evaluation = {"rows": 4, "residuals": pairs}
    owner.page.route(
        "**/evaluation",
        lambda route: route.fulfill(json={"model_id": MODEL, "evaluation": evaluation}),
    )
    owner.visit(PLACES["model"])
    plot = owner.page.get_by_role("img", name="Residuals by prediction")
    points = [
        tuple(float(point.get_attribute(name)) for name in ("cx", "cy"))
        for point in plot.locator(".point").all()
    ]
    zero = float(plot.locator(".hint-line").get_attribute("y1"))
    residuals = [true - said for said, true in pairs]
    # What lies on the line of zero has none; all others are as far from it as their residuals.
    scale = (zero - points[0][1]) / residuals[0]
    assert scale > 0
    assert [zero - y for _, y in points] == pytest.approx([scale * one for one in residuals])
    steps = [b[0] - a[0] for a, b in pairwise(points)]
    assert steps == pytest.approx([steps[0]] * 3)


def test_drift_with_predictions_and_quality(owner):
    feature = {"name": "amount", "kind": "number", "rows": 300, "missing": 7}
    feature |= {"reference_missing": 2, "psi": 4.25, "ks_statistic": 0.6, "ks_p_value": 0.0}
    drift = {"rows": 1300, "minimum_rows": 300, "reference_rows": 40000, "verdict": "drift"}
    drift["features"] = [{**feature, "verdict": "drift"}]
    moved = {"name": "prediction", "verdict": "moderate", "psi": 0.2, "ks_statistic": 0.15}
    drift["predictions"] = {**feature, **moved}
    drift["quality"] = {"rows": 50, "metrics": {"auc": 0.75}, "held_out": {"auc": 0.9375}}
    told = {"deployment_id": DEPLOYMENT, "drift": drift}
    owner.page.route("**/drift", lambda route: route.fulfill(json=told))
    owner.visit(PLACES["deployment"])
    section = owner.page.locator("section").filter(
        has=owner.page.get_by_role("heading", name="Drift")
    )
    expect(section).to_contain_text("1,300 rows were asked about, 40,000 were learned from")
    cells = owner.page.get_by_role("region", name="Drift of each input").locator("tbody td")
    expect(cells).to_have_text(["amount", "number", "drift", "4.25", "0.6", "0", "7 of 300", "2"])
    expect(section).to_contain_text("PSI 0.2, KS 0.15")
    quality = owner.page.get_by_role("region", name="Quality of the predictions")
    expect(quality.locator("tbody td")).to_have_text(["auc", "0.75", "0.9375"])
    assert owner.violations() == []


def test_roll_back_puts_the_one_before_into_its_place(owner, send):
    def status_of(deployment_id: str) -> tuple[str, str]:
        found = send("GET", f"/mlops/deployments/{deployment_id}").json()["deployment"]
        return found["stage"], found["status"]

    path = f"/mlops/projects/{PROJECT}/deployments"
    made = [
        send("POST", path, json={"model_id": MODEL, "name": name, "stage": "production"}).json()[
            "deployment_id"
        ]
        for name in ("The one before", "The one after")
    ]
    assert status_of(made[0]) == ("production", "archived")
    owner.visit(f"/deployments/{made[1]}")
    owner.page.get_by_role("button", name="Roll back").click()
    expect(owner.page.locator("main > h1")).to_have_text(re.compile("The one before"))
    assert status_of(made[0]) == ("production", "active")
    assert status_of(made[1])[1] == "archived"
    assert made[0] in owner.page.url
