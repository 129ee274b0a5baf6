"""Nobody is offered what the contract does not let them do, and everybody all that it does."""

import re

import pytest
import requests
from playwright.sync_api import expect

from projects_api.openapi import contract
from tests.console.places import PLACES, PROJECT

ROLES = ["viewer", "editor", "admin", "owner"]
LEAST = {
    one["operationId"]: one["x-required-role"]
    for item in contract()["paths"].values()
    for one in item.values()
    if isinstance(one, dict) and "operationId" in one
}
# Where what an operation does is offered: its page, and the name of its heading, form or button.
OFFERS = [
    ("data", "form", "Upload a table", "upload_dataset"),
    ("experiments", "form", "Start an experiment", "create_experiment"),
    ("reports", "form", "Make a report", "create_report"),
    ("members", "form", "Add a member", "add_member"),
    ("members", "form", "Role of Alice Chen", "add_member"),
    ("project", "link", "Webhooks", "list_webhooks"),
    ("project", "link", "Audit", "list_audit_entries"),
    ("settings", "form", "Name and description", "update_project"),
    ("settings", "button", "Export", "export_project"),
    ("settings", "heading", "Delete", "delete_project"),
    ("dataset", "form", "Upload another version", "upload_dataset_version"),
    ("dataset", "link", "Train models on it", "create_experiment"),
    ("dataset", "heading", "Delete", "delete_dataset"),
    ("dataset", "button", "Download as CSV", "download_dataset"),
    ("experiment", "heading", "Delete", "delete_experiment"),
    ("model", "form", "Ask the model", "predict"),
    ("model", "form", "Ask about a table", "predict_dataset"),
    ("model", "form", "Deploy", "create_deployment"),
    ("model", "heading", "Delete", "delete_model"),
    ("deployment", "form", "Ask about a table", "predict_dataset_with_deployment"),
    ("deployment", "button", "Put it into", "promote_deployment"),
    ("deployment", "button", "Roll back", "rollback_deployment"),
    ("deployment", "button", "Deactivate", "deactivate_deployment"),
]


@pytest.mark.parametrize("role", ROLES)
def test_offers_are_those_of_the_role(opened, projects_api_session_server, role):
    with opened(role) as visitor:
        for place in dict.fromkeys(one[0] for one in OFFERS):
            visitor.visit(PLACES[place])
            for _, kind, name, operation in (one for one in OFFERS if one[0] == place):
                found = visitor.page.get_by_role(kind, name=re.compile(f"^{name}"))
                offered = ROLES.index(role) >= ROLES.index(LEAST[operation])
                # Some offers come with what they are about, a moment after their page.
                expect(found, f"{role}: {place}, {name}").to_have_count(1 if offered else 0)
            assert visitor.page.get_by_role("alert").count() == 0


def test_who_may_not_decide_may_leave(opened, projects_api_session_server):
    server = projects_api_session_server
    members = f"{server.base_url}/api/projects/{PROJECT}/members"
    with opened("viewer") as visitor:
        visitor.visit(PLACES["members"])
        page = visitor.page
        assert page.get_by_role("button", name=re.compile("^Remove")).count() == 0
        leave = page.get_by_role("button", name="Leave the project")
        expect(leave).to_have_count(1)
        own = requests.get(members, headers=server.headers("viewer"), timeout=60).json()["caller"]
        (email,) = (
            one["email"]
            for one in requests.get(members, headers=server.headers(), timeout=60).json()["items"]
            if one["user_id"] == own["user_id"]
        )
        try:
            leave.click()
            expect(page.locator("main > h1")).to_have_text("Projects")
            gone = requests.get(members, headers=server.headers("viewer"), timeout=60)
            assert gone.status_code == 404
        finally:
            back = {"email": email, "role": "viewer"}
            requests.post(members, json=back, headers=server.headers(), timeout=60)


def test_what_a_role_lost_meanwhile_is_refused_in_words(opened):
    with opened("viewer") as visitor:
        page = visitor.page
        # The server says once that the caller is an owner, who has lost that role since.
        page.route(
            "**/members?limit=1",
            lambda route: route.fulfill(
                json={"items": [], "total": 0, "limit": 1, "offset": 0}
                | {"caller": {"user_id": PROJECT, "role": "owner"}}
            ),
        )
        visitor.visit(PLACES["settings"])
        form = page.get_by_role("form", name="Name and description")
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_contain_text(re.compile("Request [0-9a-f]{32}"))
