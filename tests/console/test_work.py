"""What is done on the parts of a project: chosen, followed, uploaded, shared, reported on."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.console.places import EXPERIMENT, MODEL, PLACES
from tests.support.processes import wait_until


class TestChoices:
    def test_go_on_past_one_page(self, owner):
        """A list of 1,203 experiments is offered whole, each once."""
        asked: list[int] = []

        def page_of(route):
            query = parse_qs(urlsplit(route.request.url).query)
            limit, offset = (int(query[name][0]) for name in ("limit", "offset"))
            items = [{"id": f"id-{at}", "name": f"E {at}"} for at in range(1203)]
            asked.append(offset)
            page = {"items": items[offset : offset + limit], "total": 1203}
            route.fulfill(json=page | {"limit": limit, "offset": offset})

        owner.page.route("**/api/experiments?*", page_of)
        owner.visit(PLACES["reports"])
        form = owner.page.get_by_role("form", name="Make a report")
        form.get_by_label("About a").select_option("experiment")
        options = form.get_by_label("Which one").get_by_role("option")
        expect(options).to_have_count(1203)
        assert options.last.inner_text() == "E 1202"
        assert asked == [0, 500, 1000]
        form.get_by_label("About a").select_option("model")
        expect(options.first).not_to_contain_text("E 0")


class TestLog:
    def test_of_any_length_is_followed_to_its_end(self, owner):
        lines = [f"line {at}" for at in range(4321)]

        def page_of(route):
            query = parse_qs(urlsplit(route.request.url).query)
            limit, offset = int(query["limit"][0]), int(query.get("offset", ["0"])[0])
            page = {"logs": lines[offset : offset + limit], "total": len(lines)}
            known = {"experiment_id": EXPERIMENT, "status": "running"}
            route.fulfill(json=known | page | {"limit": limit, "offset": offset})

        def running(route):
            answer = route.fetch()
            text = answer.text().replace('"status":"completed"', '"status":"running"')
            route.fulfill(response=answer, body=text)

        owner.page.route("**/logs?*", page_of)
        owner.page.route("**/status", running)
        owner.visit(PLACES["experiment"])
        log = owner.page.get_by_role("region", name="Log")
        expect(log).to_contain_text("line 4320")
        assert log.inner_text().splitlines() == lines[3321:]
        expect(owner.page.get_by_text("The last 1,000 of 4,321 lines")).to_be_visible()
        at_end = "one => one.scrollHeight - one.scrollTop - one.clientHeight < 2"
        assert log.evaluate(at_end)
        lines.append("what came later")
        expect(log).to_contain_text("what came later")
        assert log.evaluate(at_end)
        # Who reads what came before is not torn away from it.
        log.evaluate("one => { one.scrollTop = 0 }")
        lines.append("the very last")
        expect(log).to_contain_text("the very last")
        assert log.evaluate("one => one.scrollTop") == 0


class TestUpload:
    def test_missing_values_are_said(self, owner, send):
        owner.visit(PLACES["data"])
        form = owner.page.get_by_role("form", name="Upload a table")
        chosen = {"name": "m.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n-999,3\n?,4\n"}
        form.get_by_label("CSV or Parquet file").set_input_files(chosen)
        form.get_by_text("Say how a CSV is to be read").click()
        form.get_by_label("Missing values").fill("-999,?")
        form.get_by_role("button", name="Upload").click()
        expect(owner.page.locator("main > h1")).to_have_text("m.csv")
        dataset_id = owner.page.url.rpartition("/")[2]
        first, _ = send("GET", f"/datasets/{dataset_id}/columns").json()["columns"]
        assert (first["type"], first["missing_count"]) == ("integer", 2)
        expect(owner.page.get_by_text("Missing (as you said)")).to_be_visible()
        send("DELETE", f"/datasets/{dataset_id}")


class TestMembers:
    def test_come_change_and_go(self, owner, send):
        project_id = send("POST", "/projects", json={"name": "Shared"}).json()["project_id"]

        def roles() -> dict[str, str]:
            items = send("GET", f"/projects/{project_id}/members").json()["items"]
            return {one["name"]: one["role"] for one in items}

        owner.visit(f"/projects/{project_id}/members")
        page = owner.page
        form = page.get_by_role("form", name="Add a member")
        form.get_by_label("E-mail").fill("nobody@example.com")
        form.get_by_role("button", name="Add").click()
        expect(form.get_by_role("alert")).to_contain_text("Nobody with this e-mail address")
        form.get_by_label("E-mail").fill("bob@example.com")
        form.get_by_label("Role").select_option("editor")
        form.get_by_role("button", name="Add").click()
        role = page.get_by_role("form", name="Role of Bob Smith")
        expect(role.get_by_role("combobox")).to_have_value("editor")
        assert roles() == {"Alice Chen": "owner", "Bob Smith": "editor"}
        role.get_by_role("combobox").select_option("admin")
        role.get_by_role("button").click()
        expect(role.get_by_role("button")).to_have_text("Change")
        wait_until(lambda: roles()["Bob Smith"] == "admin", "the role is changed")
        page.get_by_role("button", name="Remove Bob Smith").click()
        expect(role).to_have_count(0)
        assert roles() == {"Alice Chen": "owner"}
        # The last owner stays, and is told why.
        page.get_by_role("button", name="Leave the project").click()
        expect(page.get_by_role("alert")).to_contain_text("owner")
        assert roles() == {"Alice Chen": "owner"}
        send("DELETE", f"/projects/{project_id}")


class TestReports:
    def test_is_made_and_read(self, owner, send):
        owner.visit(PLACES["reports"])
        form = owner.page.get_by_role("form", name="Make a report")
        form.get_by_label("About a").select_option("model")
        chosen = form.get_by_label("Which one")
        chosen.select_option(MODEL)
        form.get_by_label("Title").fill("A model, looked at")
        form.get_by_role("button", name="Make").click()
        expect(owner.page.locator("main > h1")).to_have_text("A model, looked at")
        report_id = owner.page.url.rpartition("/")[2]
        made = send("GET", f"/reports/{report_id}").json()["report"]
        assert (made["kind"], made["entity_id"]) == ("model", MODEL)
        # It is shown as soon as it is rendered; nobody loads the page anew.
        text = owner.page.get_by_role("region", name="Report A model, looked at")
        expect(text.get_by_role("heading", level=1)).to_have_text(
            "A model, looked at", timeout=120_000
        )
        owner.visit(f"/jobs/{made['job_id']}")
        expect(owner.page.locator(".progress")).to_contain_text(re.compile(r"^\s*100 %"))
        assert owner.page.get_by_role("progressbar").evaluate("one => one.position") == 1


def test_progress_is_shown_as_it_is(owner):
    """A training of which 42 percent are done, by the contract's own measure."""
    known = {"experiment_id": EXPERIMENT, "status": "running", "progress": 42.0}
    now = known | {"stage": "training", "seconds_left": 9.0}
    owner.page.route("**/status", lambda route: route.fulfill(json=now))
    owner.visit(PLACES["experiment"])
    expect(owner.page.locator(".progress")).to_contain_text("42 %, training")
    bar = owner.page.get_by_role("progressbar", name="Training")
    assert bar.evaluate("one => one.position") == 0.42
