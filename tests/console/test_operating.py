"""What is done with keys by everybody, and with people, jobs and the audit log by operators."""

import re
import uuid

import pytest
import requests
from playwright.sync_api import expect

from tests.support.processes import wait_until

FOR_OPERATORS = {"People": "/people", "Jobs": "/jobs", "Audit": "/audit"}


@pytest.fixture
def operator(opened):
    with opened("operator") as visitor:
        yield visitor


@pytest.fixture
def ask(projects_api_session_server):
    """Give what sends a request with any key, or with that of a role."""
    server = projects_api_session_server

    def ask(method: str, path: str, key: str = "", role: str = "operator", **options):
        headers = {"Authorization": f"Bearer {key or server.keys[role]}"}
        url = f"{server.base_url}/api{path}"
        return requests.request(method, url, headers=headers, timeout=60, **options)

    return ask


def keys_of(ask, **who: str) -> dict[str, dict]:
    answer = ask("GET", "/keys", **who)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["items"]}


@pytest.mark.parametrize("role", ["viewer", "owner", "operator"])
def test_links_of_operators_are_for_operators(opened, role):
    with opened(role) as visitor:
        links = visitor.page.get_by_role("navigation", name="Main").get_by_role("link")
        usual = ["Teams", "Service accounts", "Usage", "Keys"]
        more = list(FOR_OPERATORS) if role == "operator" else []
        expect(links).to_have_text([*usual, *more, "Documentation"])
        for name, place in FOR_OPERATORS.items():
            visitor.visit(place)
            expect(visitor.page.locator("main > h1")).to_have_text(name)
            refused = visitor.page.get_by_role("alert")
            if role == "operator":
                expect(refused).to_have_count(0)
            else:  # and they are told the way out
                expect(refused).to_contain_text("An operator of the server has one")


class TestKeys:
    def test_are_made_used_and_deleted_by_keyboard(self, opened, ask):
        name = f"nightly {uuid.uuid4().hex[:8]}"
        with opened("viewer") as visitor:
            visitor.visit("/keys")
            page = visitor.page
            form = page.get_by_role("form", name="Make a key")
            # A key that is no operator's makes none of an operator.
            assert form.get_by_role("checkbox").count() == 3
            form.get_by_label("Name").fill(name)
            form.get_by_label("write: change").focus()
            page.keyboard.press("Space")
            form.get_by_label("Expires").fill("2090-05-06T07:08")
            form.get_by_role("button", name="Make the key").focus()
            page.keyboard.press("Enter")
            shown = page.get_by_role("group", name="The new key").get_by_label("The new key")
            secret = shown.input_value()
            mine = keys_of(ask, role="viewer")[name]
            assert mine["scopes"] == ["read", "predict"]
            zone = page.evaluate("new Date('2090-05-06T07:08').toISOString()")
            assert mine["expires_at"][:19] == zone[:19]
            assert keys_of(ask, key=secret)[name]["id"] == mine["id"]
            assert visitor.violations() == []
            page.set_viewport_size({"width": 360, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            # It is shown once: neither the page nor the tab keeps it.
            page.get_by_role("button", name="I have it").click()
            expect(page.get_by_role("group", name="The new key")).to_have_count(0)
            assert secret not in page.content()
            page.get_by_role("button", name=f"Delete {name}").focus()
            page.keyboard.press("Enter")
            sure = page.get_by_role("button", name=f"Yes, delete {name}")
            expect(sure).to_be_focused()
            assert name in keys_of(ask, role="viewer")
            page.keyboard.press("Enter")
            expect(page.get_by_text(name)).to_have_count(0)
            assert name not in keys_of(ask, role="viewer")
            assert ask("GET", "/keys", key=secret).status_code == 401

    def test_copying(self, opened, ask):
        name = f"copied {uuid.uuid4().hex[:8]}"
        with opened("viewer", permissions=["clipboard-read", "clipboard-write"]) as visitor:
            visitor.visit("/keys")
            page = visitor.page
            page.get_by_label("Name").fill(name)
            page.get_by_role("button", name="Make the key").click()
            page.get_by_role("button", name="Copy").click()
            expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert keys_of(ask, key=copied)[name]["scopes"] == ["read", "write", "predict"]
            ask("DELETE", f"/keys/{keys_of(ask, role='viewer')[name]['id']}", role="viewer")

    def test_nothing_chosen_and_a_no(self, opened, ask):
        with opened("viewer") as visitor:
            visitor.visit("/keys")
            page, before = visitor.page, keys_of(ask, role="viewer")
            page.get_by_label("Name").fill("useless")
            for box in page.get_by_role("checkbox").all():
                box.uncheck()
            page.get_by_role("button", name="Make the key").click()
            expect(page.get_by_role("alert")).to_contain_text("Choose what the key may do")
            page.get_by_role("button", name="Delete viewer").click()
            page.get_by_role("button", name="No, leave viewer").click()
            expect(page.get_by_role("button", name="Delete viewer")).to_be_focused()
            assert keys_of(ask, role="viewer").keys() == before.keys()

    def test_the_one_that_one_is_signed_in_with(self, opened, ask):
        name = f"own {uuid.uuid4().hex[:8]}"
        body = {"name": name, "scopes": ["read", "write"]}
        secret = ask("POST", "/keys", role="viewer", json=body).json()["secret"]
        with opened() as visitor:
            visitor.sign_in(secret)
            visitor.visit("/keys")
            page = visitor.page
            row = page.get_by_role("row").filter(has_text=name)
            expect(row).to_contain_text("you are signed in with it")
            row.get_by_role("button").click()
            expect(row).to_contain_text("You will be signed out.")
            row.get_by_role("button", name="Yes, delete").click()
            expect(page.locator("main > h1")).to_have_text("Sign in")
        assert ask("GET", "/keys", key=secret).status_code == 401


class TestPeople:
    def test_come_get_a_key_and_a_quota_and_are_deactivated(self, operator, ask):
        email = f"{uuid.uuid4().hex}@example.com"
        operator.visit("/people")
        page = operator.page
        form = page.get_by_role("form", name="Register a person")
        form.get_by_label("E-mail").fill(email)
        form.get_by_label("Name").fill("Nora New")
        form.get_by_role("button").click()
        expect(page.locator("main > h1")).to_have_text("Nora New")
        operator.settle()
        person_id = page.url.rpartition("/")[2]
        assert operator.violations() == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.set_viewport_size({"width": 1200, "height": 900})
        page.get_by_role("form", name="Make a key").get_by_label("Name").fill("first")
        page.get_by_role("button", name="Make the key").click()
        group = page.get_by_role("group", name="The new key")
        secret = group.get_by_label("The new key").input_value()
        assert keys_of(ask, key=secret)["first"]["email"] == email

        quota = page.get_by_role("form", name="Quota")
        for kind, amount, own in (("bytes", "2.5", 2_500_000_000), ("none", "", 0)):
            quota.get_by_label("Quota", exact=True).select_option(kind)
            if amount:
                quota.get_by_label("Gigabytes").fill(amount)
            quota.get_by_role("button").click()
            wait_until(lambda own=own: self.found(ask, person_id)["own_quota_bytes"] == own, kind)
            told = "2.5 GB" if own else "no limit"
            expect(page.get_by_role("region", name="What is kept")).to_contain_text(told)
        quota.get_by_label("Quota", exact=True).select_option("server")
        quota.get_by_role("button").click()
        wait_until(lambda: self.found(ask, person_id)["own_quota_bytes"] is None, "the server's")

        page.get_by_role("button", name="Deactivate").click()
        expect(page.get_by_role("button", name="Activate", exact=True)).to_be_visible()
        assert ask("GET", "/keys", key=secret).status_code == 401
        page.get_by_role("button", name="Activate", exact=True).click()
        expect(page.get_by_role("button", name="Deactivate")).to_be_visible()
        assert ask("GET", "/keys", key=secret).status_code == 200
        page.get_by_role("button", name="Revoke first").click()
        page.get_by_role("button", name="Yes, revoke first").click()
        expect(page.get_by_text("No key of this person is there.")).to_be_visible()
        assert ask("GET", "/keys", key=secret).status_code == 401

    def found(self, ask, person_id: str) -> dict:
        return ask("GET", f"/admin/people/{person_id}").json()["person"]

    def test_are_found_by_address(self, operator):
        operator.visit("/people")
        page = operator.page
        page.get_by_label("E-mail has").fill("BOB@")
        page.get_by_role("button", name="Search").click()
        table = page.get_by_role("region", name="People")
        expect(table.locator("tbody tr")).to_have_count(1)
        expect(table).to_contain_text("Bob Smith")
        page.get_by_label("E-mail has").fill("nobody-at-all")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("Nobody's address has that.")).to_be_visible()

    def test_nobody_deactivates_themselves(self, operator):
        operator.visit("/people?search=olga")
        operator.page.get_by_role("link", name="Olga Novak").click()
        operator.settle()
        operator.page.get_by_role("button", name="Deactivate").click()
        expect(operator.page.get_by_role("alert")).to_contain_text("Ask another operator")


class TestJobs:
    def test_everybodys_are_shown_and_one_cancelled(self, operator, ask):
        listed = {
            "user_id": "019c46ab-f340-7d21-a6c8-3b7e9f1d2c45",
            "email": "alice@example.com",
            "job": {
                "id": str(uuid.uuid4()),
                "kind": "train",
                "status": "running",
                "progress": 25,
                "stage": None,
                "seconds_left": None,
                "message": None,
                "project_id": None,
                "entity_id": str(uuid.uuid4()),
                "attempts": 1,
                "created_at": "2026-02-10T09:40:00Z",
                "started_at": "2026-02-10T09:40:01Z",
                "finished_at": None,
            },
        }
        sent = []

        def jobs(route):
            page = {"items": [listed], "total": 1, "limit": 25, "offset": 0}
            route.fulfill(json=page)

        def cancel(route):
            sent.append((route.request.url, route.request.headers.get("idempotency-key")))
            listed["job"] |= {"status": "cancelled", "message": "The job was cancelled."}
            route.fulfill(json={"job": listed["job"]})

        operator.page.route("**/api/admin/jobs?*", jobs)
        operator.page.route("**/api/admin/jobs/*/cancel", cancel)
        operator.visit("/jobs")
        page = operator.page
        row = page.get_by_role("region", name="Jobs").locator("tbody tr")
        expect(row).to_contain_text("25%")
        expect(row).to_contain_text("alice@example.com")
        with page.expect_request(lambda request: "status=running" in request.url):
            page.get_by_label("Status").select_option("running")
        row.get_by_role("button", name=re.compile("^Cancel")).click()
        assert operator.violations() == []
        row.get_by_role("button", name=re.compile("^Yes, cancel")).click()
        expect(row).to_contain_text("The job was cancelled.")
        expect(row.get_by_role("button")).to_have_count(0)
        ((url, key),) = sent
        assert listed["job"]["id"] in url
        assert key

    def test_are_those_of_the_server(self, operator, ask):
        every = ask("GET", "/admin/jobs", params={"limit": 25}).json()["items"]
        operator.visit("/jobs")
        rows = operator.page.get_by_role("region", name="Jobs").locator("tbody tr")
        if not every:
            expect(operator.page.get_by_text("There is no such job.")).to_be_visible()
            return
        expect(rows).to_have_count(len(every))
        for at, one in enumerate(every):
            expect(rows.nth(at)).to_contain_text(one["job"]["id"])


class TestAudit:
    def test_is_chosen_by_what_entries_have(self, operator, ask):
        made = ask("POST", "/admin/people", json={"email": f"{uuid.uuid4().hex}@example.com"})
        person_id = made.json()["person_id"]
        ask("POST", f"/admin/people/{person_id}/deactivate")
        operator.visit("/audit")
        page = operator.page
        page.get_by_label("Operation").fill("deactivate_person")
        page.get_by_label("Answer").fill("200")
        page.get_by_role("button", name="Show").click()
        rows = page.get_by_role("region", name="Audit").locator("tbody tr")
        expect(rows.first).to_contain_text(person_id)
        expect(rows.filter(has_not_text="deactivate person")).to_have_count(0)
        assert operator.violations() == []
        page.get_by_label("Operation").fill("")
        page.get_by_label("Person").fill(f"nobody-{uuid.uuid4().hex}@example.com")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("alert")).to_contain_text("Nobody has the address")
        page.get_by_label("Person").fill("OLGA@example.com")
        page.get_by_role("button", name="Show").click()
        (olga,) = ask("GET", "/admin/people?search=olga@example.com").json()["items"]
        expect(page).to_have_url(re.compile(f"user_id={olga['id']}"))
        expect(rows.first).to_contain_text("person")
        page.get_by_label("Since").fill("2090-01-01T00:00")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("There is no such entry.")).to_be_visible()
