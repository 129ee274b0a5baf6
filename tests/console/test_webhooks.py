"""Webhooks in the console: registered, shown with what they answered, sent again, deleted."""

import base64
import json
import re

import pytest
from playwright.sync_api import expect
from standardwebhooks.webhooks import Webhook

from projects_api.openapi import contract
from projects_api.settings import Settings
from tests.conftest import running
from tests.support.processes import wait_until
from tests.webhooks.receiver import Receiver, with_status

EVENTS = contract()["components"]["schemas"]["WebhookEventType"]["enum"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run a server that may send to this machine, and tries once."""
    folder = tmp_path_factory.mktemp("webhooks")
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{folder / 'webhooks.db'}",
        data_dir=folder,
        webhooks_allow_private=True,
        webhook_retry_seconds=0,
        webhook_attempts=1,
        webhook_poll_seconds=0.02,
    )
    with running(settings) as server:
        yield server


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def person(server):
    return server.person()


@pytest.fixture
def project(person):
    return person.create_project()


@pytest.fixture
def at(sit, person, project):
    """Sit the owner before the webhooks of the project."""
    return sit(person, place_of(project))


def place_of(project_id: str) -> str:
    return f"/projects/{project_id}/webhooks"


def of_api(person, project_id: str) -> list[dict]:
    return person.get(f"/api/projects/{project_id}/webhooks").json()["items"]


def test_one_is_registered_and_deleted_by_keyboard(at, person, project, receiver):
    page = at.page
    expect(page.get_by_text("No address is told of this project.")).to_be_visible()
    form = page.get_by_role("form", name="Register an address")
    labels = form.get_by_role("group", name="It is told of").get_by_role("checkbox")
    assert [one.get_attribute("value") for one in labels.all()] == EVENTS
    form.get_by_label("Address").fill(receiver.url)
    # Nothing is chosen for anybody.
    form.get_by_role("button", name="Register").click()
    expect(form.get_by_role("alert")).to_contain_text("Nothing was done")
    expect(form.get_by_role("alert")).to_contain_text("Choose what it is told of")
    assert of_api(person, project) == []
    for name in ("dataset.uploaded", "report.ended"):
        form.get_by_label(name).focus()
        page.keyboard.press("Space")
    form.get_by_role("button", name="Register").focus()
    page.keyboard.press("Enter")
    secret = page.get_by_role("group", name="The secret of the webhook")
    value = secret.get_by_label("The secret of the webhook").input_value()
    (kept,) = of_api(person, project)
    assert (kept["url"], kept["events"]) == (receiver.url, ["dataset.uploaded", "report.ended"])
    assert at.violations() == []
    assert at.fits_a_telephone()
    secret.get_by_role("button", name="I have it").click()
    expect(secret).to_have_count(0)
    assert value not in page.content()
    row = page.get_by_role("region", name="Webhooks").locator("tbody tr")
    expect(row.locator("td").nth(1)).to_have_text("dataset.uploaded, report.ended")
    delete = page.get_by_role("button", name=f"Delete {receiver.url}")
    delete.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Yes, delete {receiver.url}")).to_be_focused()
    assert len(of_api(person, project)) == 1
    page.keyboard.press("Enter")
    expect(page.get_by_text("No address is told of this project.")).to_be_visible()
    expect(page.get_by_role("heading", name="Deliveries")).to_have_count(0)
    assert of_api(person, project) == []


def test_what_was_sent_is_shown_and_sent_again(at, person, project, receiver):
    receiver.answers = [with_status(503, b"<b>busy</b>"), with_status(204)]
    body = {"url": receiver.url, "events": ["dataset.uploaded"]}
    value = person.post(f"/api/projects/{project}/webhooks", json=body).json()["secret"]
    page = at.page
    page.reload()
    dataset = person.upload(project).json()["dataset_id"]
    show = page.get_by_role("button", name=f"Show what was sent to {receiver.url}")
    wait_until(lambda: receiver.requests, "the event arrives")
    show.click()
    expect(show).to_have_attribute("aria-pressed", "true")
    cells = page.get_by_role("region", name="Deliveries").locator("tbody tr").locator("td")
    # It looks again by itself as long as one waits.
    expect(cells.nth(1)).to_have_text("failed")
    expect(cells.nth(0)).to_contain_text("dataset.uploaded")
    expect(cells.nth(2)).to_have_text("1")
    expect(cells.nth(4)).to_contain_text("503")
    cells.nth(4).get_by_text("What it said").click()
    expect(cells.nth(4).locator("pre")).to_have_text("<b>busy</b>")
    assert at.violations() == []
    assert at.fits_a_telephone()
    page.get_by_role("button", name=re.compile("^Send again dataset.uploaded")).click()
    expect(cells.nth(1)).to_have_text("succeeded")
    expect(cells.nth(4)).to_contain_text("204")
    # Sent again, it is counted anew.
    webhook_id = of_api(person, project)[0]["id"]
    (delivery,) = person.get(f"/api/webhooks/{webhook_id}/deliveries").json()["items"]
    assert (delivery["status"], delivery["attempts"]) == ("succeeded", 1)
    assert cells.nth(2).inner_text() == "1"
    assert delivery["id"] in cells.nth(0).inner_text()
    last = cells.nth(3).locator("time").get_attribute("datetime")
    assert last == delivery["last_attempt_at"]
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    told = Webhook(value).verify(second.body, second.headers)
    assert told == json.loads(second.body)
    assert told["data"]["dataset_id"] == dataset
    assert len(base64.b64decode(value.removeprefix("whsec_"))) >= 24


def test_an_address_that_is_refused_is_told_so(at, person, project):
    form = at.page.get_by_role("form", name="Register an address")
    form.get_by_label("Address").fill("https://user:word@example.com/")
    form.get_by_label("dataset.uploaded").check()
    form.get_by_role("button", name="Register").click()
    expect(form.get_by_role("alert")).to_contain_text(re.compile("Request [0-9a-f]{32}"))
    # What was typed is there still.
    assert form.get_by_label("Address").input_value() == "https://user:word@example.com/"
    assert of_api(person, project) == []


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("editor", False), ("admin", True)])
def test_is_for_admins(sit, server, person, project, role, may):
    other = server.person()
    given = {"email": other.email, "role": role}
    assert person.post(f"/api/projects/{project}/members", json=given).status_code == 201
    page = sit(other, place_of(project)).page
    form = page.get_by_role("form", name="Register an address")
    tab = page.get_by_role("navigation", name="Parts of the project")
    expect(form).to_have_count(int(may))
    expect(tab.get_by_role("link", name="Webhooks")).to_have_count(int(may))
    expect(page.get_by_role("alert")).to_have_count(int(not may))
