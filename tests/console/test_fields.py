"""What is typed: counted as the contract counts it, kept when it is refused, and told of once."""

import pytest
import requests
from playwright.sync_api import expect

from tests.console.places import DEPLOYMENT, MODEL, PLACES

EMOJI = "\N{GRINNING FACE}"  # one character, of which UTF-16 makes two


def test_a_wrong_key_is_told_of_once(opened):
    with opened() as visitor:
        page = visitor.page
        page.goto(f"{visitor.base_url}/")
        for wrong in ("pak_0000000000000000_wrong", "pak_1111111111111111_wrong"):
            page.get_by_label("API key").fill(wrong)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_have_count(1)
            expect(page.get_by_role("alert")).to_contain_text("This API key is unknown")


def test_who_is_signed_out_is_told_once(opened, projects_api_session_server):
    server = projects_api_session_server
    headers = {"Authorization": f"Bearer {server.keys['viewer']}"}
    made = requests.post(
        f"{server.base_url}/api/keys",
        json={"name": "brief", "scopes": ["read"]},
        headers=headers,
        timeout=60,
    ).json()
    with opened() as visitor:
        visitor.sign_in(made["secret"])
        path = f"{server.base_url}/api/keys/{made['key_id']}"
        assert requests.delete(path, headers=headers, timeout=60).status_code == 200
        visitor.page.goto(f"{visitor.base_url}/#/usage")
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_have_count(1)
        expect(alert).to_contain_text("The key was refused")


def test_a_name_has_as_many_characters_as_the_contract_counts(owner, send):
    owner.visit(PLACES["projects"])
    page = owner.page
    form = page.get_by_role("form", name="Create a project")
    form.get_by_label("Name").fill(EMOJI * 256)
    form.get_by_role("button", name="Create").click()
    told = form.get_by_label("Name").evaluate("field => field.validationMessage")
    assert told == "At most 255 characters. These are 256."
    form.get_by_label("Name").fill(EMOJI * 255)
    form.get_by_role("button", name="Create").click()
    expect(page.locator("main > h1")).to_have_text(EMOJI * 255)
    project_id = page.url.rpartition("/")[2]
    assert send("GET", f"/projects/{project_id}").json()["project"]["name"] == EMOJI * 255
    send("DELETE", f"/projects/{project_id}")


def test_what_was_typed_stays_when_a_training_is_refused(owner):
    owner.visit(PLACES["experiments"])
    page = owner.page
    form = page.get_by_role("form", name="Start an experiment")
    target = form.get_by_label("Column to predict")
    target.select_option(index=1)
    expect(form.get_by_label("Name")).to_have_value(f"Predict {target.input_value()}")
    form.get_by_label("Name").fill("My very own name")
    form.get_by_label("Kind of prediction").select_option("classification")
    detail = "The column has too many values."
    problem = {"type": "urn:x", "title": "No", "status": 422, "detail": detail, "request_id": "x"}
    page.route("**/api/experiments", lambda route: route.fulfill(status=422, json=problem))
    form.get_by_role("button", name="Start").click()
    expect(form.get_by_role("alert")).to_contain_text(detail)
    expect(form.get_by_label("Name")).to_have_value("My very own name")
    expect(form.get_by_label("Kind of prediction")).to_have_value("classification")
    target.select_option(index=2)
    expect(form.get_by_label("Name")).to_have_value("My very own name")


@pytest.mark.parametrize(
    ("place", "path"),
    [("model", f"models/{MODEL}"), ("deployment", f"mlops/deployments/{DEPLOYMENT}")],
)
def test_what_each_value_adds_is_told_where_it_is_wanted(owner, place, path):
    bodies = []

    def answer(route):
        bodies.append(route.request.post_data_json)
        told = {"prediction": 1, "probabilities": None}
        if bodies[-1].get("options", {}).get("explain"):
            told["explanation"] = {"country": -0.25, "amount": 1.5, "hour": 0.125}
        route.fulfill(json={"predictions": [told]})

    owner.page.route(f"**/api/{path}/predict", answer)
    owner.visit(PLACES[place])
    form = owner.page.get_by_role("form", name="Ask the model")
    form.get_by_role("button", name="Ask").click()
    expect(owner.page.locator(".answer")).to_be_visible()
    reasons = owner.page.get_by_role("region", name="What each value adds")
    expect(reasons).to_have_count(0)
    form.get_by_label("Tell what each value adds").check()
    form.get_by_role("button", name="Ask").click()
    expect(reasons.locator("tbody td")).to_have_text(
        ["amount", "1.5", "country", "-0.25", "hour", "0.125"]
    )
    assert ["options" in body for body in bodies] == [False, True]
    assert owner.violations() == []
