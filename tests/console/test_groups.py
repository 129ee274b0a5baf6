"""Teams, what they make of people in projects, and accounts of programs, in the console."""

import re
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import expect

from projects_api.settings import Settings
from tests.conftest import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    url = f"sqlite:///{folder / 'groups.db'}"
    with running(Settings(_env_file=None, database_url=url, data_dir=folder)) as server:
        yield server


def team_of(person, *others, name: str = "Data science") -> str:
    """Make a team of a person's, with others in it."""
    team = person.post("/api/teams", json={"name": name}).json()["team_id"]
    for other in others:
        answer = person.post(f"/api/teams/{team}/people", json={"email": other.email})
        assert answer.status_code == 201, answer.text
    return team


def people_of(person, team: str) -> dict[str, str]:
    answer = person.get(f"/api/teams/{team}/people").json()
    return {one["email"]: one["role"] for one in answer["items"]}


def members_of(person, project: str) -> dict[str, dict]:
    answer = person.get(f"/api/projects/{project}/members").json()
    return {one["email"]: one for one in answer["items"]}


class TestTeams:
    def test_is_made_filled_renamed_and_deleted(self, sit, server):
        ada, bob = server.person("Ada"), server.person("Bob")
        visitor = sit(ada, "/teams")
        page = visitor.page
        expect(page.get_by_text("You are in no team yet.")).to_be_visible()
        page.get_by_role("form", name="Make a team").get_by_label("Name").fill("Vision")
        page.get_by_role("button", name="Make the team").focus()
        page.keyboard.press("Enter")
        expect(page.locator("main > h1")).to_have_text("Vision")
        visitor.settle()
        team = urlsplit(page.url).fragment.rpartition("/")[2]
        form = page.get_by_role("form", name="Take somebody in")
        assert form.get_by_label("Role").get_by_role("option").all_inner_texts() == [
            "member",
            "maintainer",
        ]
        form.get_by_label("E-mail").fill(f" {bob.email} ")
        form.get_by_role("button").click()
        people = page.get_by_role("region", name="People").locator("tbody tr")
        expect(people).to_have_count(2)
        assert people_of(ada, team) == {ada.email: "maintainer", bob.email: "member"}
        role = page.get_by_role("form", name="Role of Bob")
        role.get_by_label("Role of Bob").select_option("maintainer")
        with page.expect_response("**/people"):
            role.get_by_role("button", name="Change").click()
        assert people_of(ada, team)[bob.email] == "maintainer"
        assert visitor.violations() == []
        assert visitor.fits_a_telephone()
        name = page.get_by_role("form", name="Name of the team")
        name.get_by_label("Name").fill("Vision & speech")
        name.get_by_role("button", name="Rename").click()
        expect(page.locator("main > h1")).to_have_text("Vision & speech")
        assert ada.get(f"/api/teams/{team}").json()["team"]["name"] == "Vision & speech"
        page.get_by_role("button", name="Remove Bob").click()
        expect(people).to_have_count(1)
        assert people_of(ada, team) == {ada.email: "maintainer"}
        # The last maintainer stays, and is told why.
        page.get_by_role("button", name="Leave the team").click()
        expect(page.get_by_role("alert")).to_contain_text("maintainer")
        page.get_by_text("Delete this team").click()
        sure = page.get_by_role("form", name="Delete this team")
        sure.get_by_label("Name").fill("Vision & speech")
        sure.get_by_role("button").click()
        expect(page.locator("main > h1")).to_have_text("Teams")
        expect(page.get_by_text("You are in no team yet.")).to_be_visible()
        assert ada.get(f"/api/teams/{team}").status_code == 404

    def test_a_member_looks_and_leaves(self, sit, server):
        ada, bob = server.person("Ada"), server.person("Bob")
        team = team_of(ada, bob)
        brought = {"team_id": team, "role": "viewer"}
        there = f"/api/projects/{ada.create_project()}/teams"
        assert ada.post(there, json=brought).status_code == 201
        visitor = sit(bob, "/teams")
        page = visitor.page
        cells = page.get_by_role("region", name="Teams").locator("tbody td")
        expect(cells.nth(1)).to_have_text("member")
        expect(cells.nth(2)).to_have_text("1")
        page.get_by_role("link", name="Data science").click()
        expect(page.locator("main > h1")).to_have_text("Data science")
        visitor.settle()
        people = page.get_by_role("region", name="People")
        expect(people.locator("tbody tr")).to_have_count(2)
        assert page.get_by_role("form").count() == 0
        assert page.locator("main button").all_inner_texts() == ["Leave the team"]
        assert page.get_by_text("Delete this team").count() == 0
        assert visitor.violations() == []
        page.get_by_role("button", name="Leave the team").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("You are in no team yet.")).to_be_visible()
        assert people_of(ada, team) == {ada.email: "maintainer"}


class TestTeamsOfAProject:
    def test_a_maintainer_who_owns_nothing_of_it_takes_the_team_out(self, sit, server):
        ada, bob = server.person("Ada"), server.person("Bob")
        project = ada.create_project()
        team, other = team_of(bob, ada), team_of(ada, bob, name="Others")
        promoted = {"email": ada.email, "role": "maintainer"}
        assert bob.post(f"/api/teams/{team}/people", json=promoted).status_code == 201
        for one in (team, other):
            brought = {"team_id": one, "role": "viewer"}
            answer = ada.post(f"/api/projects/{project}/teams", json=brought)
            assert answer.status_code == 201, answer.text
        page = sit(bob, f"/projects/{project}/members").page
        out = page.get_by_role("button", name="Take out")
        expect(out).to_have_count(1)
        out.click()
        expect(page.get_by_role("region", name="Teams").locator("tbody tr")).to_have_count(1)
        left = ada.get(f"/api/projects/{project}/teams").json()["items"]
        assert [one["team_id"] for one in left] == [other]

    def test_one_is_brought_changed_and_taken_out(self, sit, server):
        ada, bob, cat = (server.person(name) for name in ("Ada", "Bob", "Cat"))
        project, team = ada.create_project(), team_of(ada, bob, cat)
        direct = {"email": cat.email, "role": "viewer"}
        assert ada.post(f"/api/projects/{project}/members", json=direct).status_code == 201
        visitor = sit(ada, f"/projects/{project}/members")
        page = visitor.page
        form = page.get_by_role("form", name="Bring a team")
        expect(form.get_by_label("Team").get_by_role("option")).to_have_text(["Data science"])
        roles = form.get_by_label("Role").get_by_role("option").all_inner_texts()
        assert roles == ["viewer", "editor", "admin"]
        form.get_by_label("Role").select_option("editor")
        form.get_by_role("button", name="Bring").click()

        def by(name: str):
            row = page.get_by_role("region", name="Members").get_by_role("row")
            return row.filter(has_text=name).locator("td").nth(3)

        expect(by("Bob")).to_have_text("teams")
        expect(by("Cat")).to_have_text("in person (viewer), teams")
        expect(by("Ada")).to_have_text("in person, teams (editor)")
        found = members_of(ada, project)
        assert (found[bob.email]["role"], found[bob.email]["through"]) == (
            "editor",
            {"teams": "editor"},
        )
        assert found[cat.email]["through"] == {"direct": "viewer", "teams": "editor"}
        assert visitor.violations() == []
        assert visitor.fits_a_telephone()
        role = page.get_by_role("form", name="Role of the team Data science")
        role.get_by_label("Role of the team").select_option("viewer")
        role.get_by_role("button", name="Change").click()
        expect(by("Cat")).to_have_text("in person, teams")
        assert members_of(ada, project)[bob.email]["role"] == "viewer"
        page.get_by_role("button", name="Take out Data science").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("No team is in this project.")).to_be_visible()
        expect(by("Cat")).to_have_text("in person")
        assert members_of(ada, project).keys() == {ada.email, cat.email}
        assert ada.get(f"/api/teams/{team}").status_code == 200

    def test_a_viewer_looks(self, sit, server):
        ada, bob = server.person("Ada"), server.person("Bob")
        project, team = ada.create_project(), team_of(ada, bob)
        given = {"team_id": team, "role": "viewer"}
        assert ada.post(f"/api/projects/{project}/teams", json=given).status_code == 201
        page = sit(bob, f"/projects/{project}/members").page
        cells = page.get_by_role("region", name="Teams").locator("tbody td")
        assert cells.all_inner_texts()[:2] == ["Data science", "viewer"]
        assert page.get_by_role("form").count() == 0
        assert page.get_by_role("button", name=re.compile("^Take")).count() == 0
        assert page.get_by_role("heading", name="Bring a team").count() == 0
        # Who is a member by a team alone is told what to do.
        page.get_by_role("button", name="Leave the project").click()
        expect(page.get_by_role("alert")).to_contain_text("team")

    def test_who_is_in_no_team_is_shown_the_way(self, sit, server):
        ada = server.person("Ada")
        page = sit(ada, f"/projects/{ada.create_project()}/members").page
        page.get_by_role("link", name="Make one").click()
        expect(page.locator("main > h1")).to_have_text("Teams")


class TestServiceAccounts:
    def test_one_is_made_gets_a_key_and_is_deleted(self, sit, server):
        ada = server.person("Ada", scopes=("read", "write"))
        visitor = sit(ada, "/accounts")
        page = visitor.page
        expect(page.get_by_text("You have no service account.")).to_be_visible()
        form = page.get_by_role("form", name="Make a service account")
        form.get_by_label("Name").fill("Nightly")
        form.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(page.locator("main > h1")).to_have_text("Nightly")
        visitor.settle()
        (account,) = ada.get("/api/service-accounts").json()["items"]
        facts = page.locator(".facts dd").all_inner_texts()
        assert facts[:2] == [account["email"], "active"]
        keys = page.get_by_role("form", name="Make a key")
        # A key makes none that may more than itself.
        boxes = keys.get_by_role("checkbox")
        assert [one.get_attribute("value") for one in boxes.all()] == ["read", "write"]
        keys.get_by_label("Name").fill("March")
        keys.get_by_label("write: change").uncheck()
        keys.get_by_label("Expires").fill("2090-05-06T07:08")
        keys.get_by_role("button").click()
        group = page.get_by_role("group", name="The new key")
        secret = group.get_by_label("The new key").input_value()
        headers = {"Authorization": f"Bearer {secret}"}
        asked = requests.get(f"{server.url}/api/keys", headers=headers, timeout=60)
        assert asked.json()["caller"]["user_id"] == account["id"]
        (kept,) = ada.get(f"/api/service-accounts/{account['id']}/keys").json()["items"]
        assert (kept["name"], kept["scopes"]) == ("March", ["read"])
        zone = page.evaluate("new Date('2090-05-06T07:08').toISOString()")
        assert kept["expires_at"][:19] == zone[:19]
        assert visitor.violations() == []
        assert visitor.fits_a_telephone()
        group.get_by_role("button", name="I have it").click()
        assert secret not in page.content()
        cells = page.get_by_role("region", name="Keys").locator("tbody td")
        expect(cells.nth(1)).to_have_text("read")
        expect(cells.nth(4)).to_have_text("not yet")
        page.get_by_role("button", name="Revoke March").click()
        page.get_by_role("button", name="Yes, revoke March").click()
        expect(page.get_by_text("It has no key yet.")).to_be_visible()
        asked = requests.get(f"{server.url}/api/keys", headers=headers, timeout=60)
        assert asked.status_code == 401
        page.get_by_text("Delete this service account").click()
        sure = page.get_by_role("form", name="Delete this service account")
        sure.get_by_label("Name").fill("Nightly")
        sure.get_by_role("button").click()
        expect(page.get_by_text("You have no service account.")).to_be_visible()
        assert ada.get("/api/service-accounts").json()["total"] == 0

    def test_a_key_of_an_operator_offers_what_a_program_may(self, sit, server):
        ada = server.person("Ada", scopes=("admin",))
        made = ada.post("/api/service-accounts", json={"name": "Bot"}).json()["account"]
        page = sit(ada, f"/accounts/{made['id']}").page
        boxes = page.get_by_role("form", name="Make a key").get_by_role("checkbox")
        expect(boxes).to_have_count(3)
        assert [one.get_attribute("value") for one in boxes.all()] == ["read", "write", "predict"]

    def test_when_a_key_was_used_is_shown(self, sit, server):
        ada = server.person("Ada")
        made = ada.post("/api/service-accounts", json={"name": "Bot"}).json()["account"]
        path = f"/api/service-accounts/{made['id']}/keys"
        ada.post(path, json={"name": "used", "scopes": ["read"]})
        used = "2026-02-03T04:05:06Z"
        visitor = sit(ada, "/accounts")
        (kept,) = ada.get(path).json()["items"]
        visitor.page.route(
            f"**{path}?*",
            lambda route: route.fulfill(
                json={"items": [{**kept, "last_used_at": used}], "total": 1}
                | {"limit": 25, "offset": 0}
            ),
        )
        visitor.visit(f"/accounts/{made['id']}")
        cells = visitor.page.get_by_role("region", name="Keys").locator("tbody td")
        assert cells.nth(4).locator("time").get_attribute("datetime") == used
