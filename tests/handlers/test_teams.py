"""The operations of the tag `teams`, one class each, and what teams make of people in projects."""

import threading
import uuid

import pytest
from structlog.testing import capture_logs

from projects_api.models.teams import team as teams

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
FIELDS = {"id", "name", "role", "created_at", "project_count"}
PERSON_FIELDS = {"user_id", "email", "name", "role", "created_at"}
ROLES = ("viewer", "editor", "admin", "owner")
TEAMS = "/api/teams"


def make_team(person, name: str = "Data science") -> str:
    answer = person.post(TEAMS, json={"name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()["team_id"]


def people_path(team_id: str, user_id: str = "") -> str:
    return f"{TEAMS}/{team_id}/people" + (f"/{user_id}" if user_id else "")


def take_in(maintainer, team_id: str, person, role: str = "member"):
    return maintainer.post(people_path(team_id), json={"email": person.email, "role": role})


def people_of(person, team_id: str) -> dict[str, str]:
    found = person.get(people_path(team_id)).json()["items"]
    return {one["email"]: one["role"] for one in found}


def bring(owner, project_id: str, team_id: str, role: str = "viewer"):
    path = f"/api/projects/{project_id}/teams"
    return owner.post(path, json={"team_id": team_id, "role": role})


def role_in(person, project_id: str) -> str | None:
    """Give what a request of the person may do in a project."""
    answer = person.get(f"/api/projects/{project_id}/members")
    return answer.json()["caller"]["role"] if answer.status_code == 200 else None


@pytest.fixture
def team_id(owner):
    return make_team(owner)


class TestListTeams:
    def test_ones_own_by_name(self, owner, other):
        assert owner.get(TEAMS).json() == {"items": [], "total": 0, "limit": 50, "offset": 0}
        ids = {name: make_team(owner, name) for name in ("b", "a", "C")}
        make_team(other, "not mine")
        take_in(owner, ids["a"], other)
        listed = owner.get(TEAMS).json()
        assert [(one["name"], one["id"]) for one in listed["items"]] == sorted(ids.items())
        assert all(set(one) == FIELDS for one in listed["items"])
        assert listed["total"] == 3
        page = owner.get(TEAMS, params={"limit": 1, "offset": 1}).json()
        assert [one["name"] for one in page["items"]] == ["a"]
        assert (page["total"], page["limit"], page["offset"]) == (3, 1, 1)
        of_other = {one["name"]: one["role"] for one in other.get(TEAMS).json()["items"]}
        assert of_other == {"a": "member", "not mine": "maintainer"}

    @pytest.mark.parametrize("query", ["limit=0", "limit=501", "offset=-1"])
    def test_refuses_what_breaks_the_contract(self, owner, problem, query):
        problem(owner.get(f"{TEAMS}?{query}"), 422, "contract-violation")


class TestCreateTeam:
    def test_makes_one_of_the_caller_alone(self, owner):
        answer = owner.post(TEAMS, json={"name": "Operations"})
        assert answer.status_code == 201
        made = answer.json()
        assert set(made) == {"team_id", "team"}
        assert answer.headers["location"] == f"{TEAMS}/{made['team_id']}"
        assert owner.get(answer.headers["location"]).json() == {"team": made["team"]}
        assert (made["team"]["name"], made["team"]["role"]) == ("Operations", "maintainer")
        assert people_of(owner, made["team_id"]) == {owner.email: "maintainer"}

    def test_names_need_not_differ(self, owner):
        assert make_team(owner, "Same") != make_team(owner, "Same")

    def test_once_for_one_idempotency_key(self, owner):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        first, second = (
            owner.post(TEAMS, json={"name": "Once"}, headers=headers) for _ in range(2)
        )
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert owner.get(TEAMS).json()["total"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            *({}, {"name": ""}, {"name": " "}, {"name": None}, {"name": "x" * 256}),
            *({"name": "two\nlines"}, {"name": "a\0"}, {"name": "\x85"}, {"name": "n", "more": 1}),
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, body):
        problem(owner.post(TEAMS, json=body), 422, "contract-violation")

    def test_twenty_of_a_person_at_a_time(self, owner, other, problem):
        made = [make_team(owner) for _ in range(teams.MOST_OF_PERSON)]
        # Another maintainer does not make room: it would have no end.
        take_in(owner, made[0], other, "maintainer")
        assert owner.delete(people_path(made[0], owner.user_id)).status_code == 200
        problem(owner.post(TEAMS, json={"name": "N"}), 409, "too-many-teams", "20")
        make_team(other)
        assert owner.delete(f"{TEAMS}/{made[1]}").status_code == 200
        make_team(owner)

    def test_not_one_more_at_the_same_moment(self, owner):
        for _ in range(teams.MOST_OF_PERSON - 1):
            make_team(owner)
        statuses: list[int] = []
        at_once = threading.Barrier(4)

        def ask() -> None:
            at_once.wait()
            statuses.append(owner.post(TEAMS, json={"name": "N"}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(statuses) == [201, 409, 409, 409]


def test_a_bound_that_a_caller_meets_is_no_error_of_the_server(owner, problem, monkeypatch):
    monkeypatch.setattr(teams, "MOST_OF_PERSON", 0)
    with capture_logs() as logs:
        problem(owner.post(TEAMS, json={"name": "T"}), 409, "too-many-teams")
    assert {line["log_level"] for line in logs} <= {"info"}


class TestGetTeam:
    def test_as_each_of_it_sees_it(self, owner, other, team_id):
        take_in(owner, team_id, other)
        seen = [person.get(f"{TEAMS}/{team_id}").json()["team"] for person in (owner, other)]
        assert [one.pop("role") for one in seen] == ["maintainer", "member"]
        assert seen[0] == seen[1]
        assert (seen[0]["id"], seen[0]["name"]) == (team_id, "Data science")

    def test_a_team_of_others_is_not_found(self, other, problem, team_id):
        problem(other.get(f"{TEAMS}/{team_id}"), 404, "team-not-found")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_team(self, owner, problem, bad):
        problem(owner.get(f"{TEAMS}/{bad}"), 404, "team-not-found")


class TestUpdateTeam:
    def test_renames(self, owner, other, team_id):
        take_in(owner, team_id, other)
        answer = owner.put(f"{TEAMS}/{team_id}", json={"name": "Statistics"})
        assert answer.status_code == 200
        assert answer.json()["team"]["name"] == "Statistics"
        assert answer.json() == owner.get(f"{TEAMS}/{team_id}").json()
        assert other.get(f"{TEAMS}/{team_id}").json()["team"]["name"] == "Statistics"

    def test_only_a_maintainer_does(self, owner, other, server, problem, team_id):
        take_in(owner, team_id, other)
        path = f"{TEAMS}/{team_id}"
        problem(other.put(path, json={"name": "N"}), 403, "insufficient-role", "maintainer")
        problem(server.person().put(path, json={"name": "N"}), 404, "team-not-found")
        assert owner.get(path).json()["team"]["name"] == "Data science"
        take_in(owner, team_id, other, "maintainer")
        assert other.put(path, json={"name": "N"}).status_code == 200

    @pytest.mark.parametrize("body", [{}, {"name": "a\tb"}, {"name": "n", "more": 1}])
    def test_refuses_what_breaks_the_contract(self, owner, problem, team_id, body):
        problem(owner.put(f"{TEAMS}/{team_id}", json=body), 422, "contract-violation")


class TestDeleteTeam:
    def test_deletes(self, owner, other, problem, team_id):
        take_in(owner, team_id, other)
        assert owner.delete(f"{TEAMS}/{team_id}").json() == {"ok": True}
        for person in (owner, other):
            problem(person.get(f"{TEAMS}/{team_id}"), 404, "team-not-found")
        problem(owner.delete(f"{TEAMS}/{team_id}"), 404, "team-not-found")

    def test_takes_from_its_people_what_it_gave(self, owner, other, server, project_id, team_id):
        direct = server.person()
        for person in (other, direct):
            take_in(owner, team_id, person)
        owner.share(project_id, direct, "viewer")
        bring(owner, project_id, team_id, "admin")
        assert [role_in(one, project_id) for one in (other, direct)] == ["admin", "admin"]
        assert owner.delete(f"{TEAMS}/{team_id}").status_code == 200
        everybody = [role_in(one, project_id) for one in (owner, other, direct)]
        assert everybody == ["owner", None, "viewer"]
        assert other.get("/api/projects").json()["total"] == 0

    def test_only_a_maintainer_does(self, owner, other, problem, team_id):
        problem(other.delete(f"{TEAMS}/{team_id}"), 404, "team-not-found")
        take_in(owner, team_id, other)
        problem(other.delete(f"{TEAMS}/{team_id}"), 403, "insufficient-role")


class TestListTeamPeople:
    def test_in_the_order_of_coming(self, owner, other, server, team_id):
        third = server.person()
        for person in (third, other):
            take_in(owner, team_id, person)
        listed = other.get(people_path(team_id)).json()
        assert [one["email"] for one in listed["items"]] == [owner.email, third.email, other.email]
        assert [one["role"] for one in listed["items"]] == ["maintainer", "member", "member"]
        assert all(set(one) == PERSON_FIELDS for one in listed["items"])
        page = other.get(people_path(team_id), params={"limit": 1, "offset": 2}).json()
        assert page["items"] == listed["items"][2:]
        assert (page["total"], page["limit"], page["offset"]) == (3, 1, 2)

    def test_nobody_else_sees_them(self, other, problem, team_id):
        problem(other.get(people_path(team_id)), 404, "team-not-found")


class TestAddTeamPerson:
    def test_takes_in(self, owner, other, team_id):
        answer = take_in(owner, team_id, other)
        assert answer.status_code == 201
        person = answer.json()["person"]
        assert set(person) == PERSON_FIELDS
        assert (person["user_id"], person["email"], person["name"], person["role"]) == (
            *(other.user_id, other.email, "Bob Smith", "member"),
        )
        assert people_of(other, team_id) == {owner.email: "maintainer", other.email: "member"}

    def test_a_member_by_default_in_any_case_of_letters(self, owner, other, team_id):
        answer = owner.post(people_path(team_id), json={"email": other.email.upper()})
        assert answer.json()["person"]["role"] == "member"

    def test_changes_the_role(self, owner, other, team_id):
        for role in ("maintainer", "member", "maintainer"):
            assert take_in(owner, team_id, other, role).json()["person"]["role"] == role
        assert take_in(other, team_id, owner, "member").status_code == 201
        assert people_of(owner, team_id) == {owner.email: "member", other.email: "maintainer"}

    def test_the_last_maintainer_keeps_the_role(self, owner, other, problem, team_id):
        take_in(owner, team_id, other)
        problem(take_in(owner, team_id, owner, "member"), 409, "last-maintainer")
        assert people_of(owner, team_id)[owner.email] == "maintainer"

    def test_only_a_maintainer_does(self, owner, other, server, problem, team_id):
        take_in(owner, team_id, other)
        problem(take_in(other, team_id, server.person()), 403, "insufficient-role")
        # Nor does anybody learn by it who is registered.
        body = {"email": "nobody@example.com"}
        problem(other.post(people_path(team_id), json=body), 403, "insufficient-role")
        problem(server.person().post(people_path(team_id), json=body), 404, "team-not-found")

    def test_who_is_deactivated_maintains_nothing(self, owner, other, server, problem, team_id):
        operator = server.person("Olga", ("admin",))
        take_in(owner, team_id, other)
        operator.post(f"/api/admin/people/{other.user_id}/deactivate")
        problem(take_in(owner, team_id, other, "maintainer"), 409, "person-deactivated")
        assert people_of(owner, team_id)[other.email] == "member"
        assert take_in(owner, team_id, other).status_code == 201

    def test_an_unregistered_address(self, owner, problem, team_id):
        body = {"email": "nobody@example.com"}
        problem(owner.post(people_path(team_id), json=body), 404, "user-not-registered")

    def test_a_member_of_all_projects_of_the_team(self, owner, other, team_id):
        roles = {owner.create_project(): role for role in ("viewer", "editor", "admin")}
        for project_id, role in roles.items():
            bring(owner, project_id, team_id, role)
        take_in(owner, team_id, other)
        assert {one: role_in(other, one) for one in roles} == roles
        # As sorted and searched as every membership is, by copies of what projects have.
        listed = other.get("/api/projects", params={"sort_field": "name", "search": "project"})
        assert {one["id"] for one in listed.json()["items"]} == set(roles)

    def test_a_hundred_people(self, owner, server, problem, monkeypatch, team_id):
        monkeypatch.setattr(teams, "MOST_PEOPLE", 3)
        first, second, third = (server.person() for _ in range(3))
        for person in (first, second):
            assert take_in(owner, team_id, person).status_code == 201
        problem(take_in(owner, team_id, third), 409, "team-full", "100")
        assert take_in(owner, team_id, first, "maintainer").status_code == 201
        assert len(people_of(owner, team_id)) == 3

    @pytest.mark.parametrize(
        "body", [{}, {"email": "x"}, {"email": "a@example.com", "role": "owner"}]
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, team_id, body):
        problem(owner.post(people_path(team_id), json=body), 422, "contract-violation")


class TestRemoveTeamPerson:
    def test_a_maintainer_removes(self, owner, other, project_id, problem, team_id):
        take_in(owner, team_id, other)
        bring(owner, project_id, team_id)
        answer = owner.delete(people_path(team_id, other.user_id.upper()))
        assert answer.json() == {"ok": True}
        assert people_of(owner, team_id) == {owner.email: "maintainer"}
        problem(other.get(f"/api/projects/{project_id}"), 404, "project-not-found")
        again = owner.delete(people_path(team_id, other.user_id))
        problem(again, 404, "team-person-not-found")

    def test_everybody_may_leave(self, owner, other, project_id, team_id):
        take_in(owner, team_id, other)
        bring(owner, project_id, team_id)
        assert other.delete(people_path(team_id, other.user_id)).status_code == 200
        assert role_in(other, project_id) is None
        assert other.get(TEAMS).json()["total"] == 0

    def test_what_was_given_directly_or_by_others_stays(self, owner, other, project_id, team_id):
        second = make_team(owner)
        for one, role in ((team_id, "admin"), (second, "editor")):
            take_in(owner, one, other)
            bring(owner, project_id, one, role)
        owner.share(project_id, other, "viewer")
        for one, left in ((team_id, "editor"), (second, "viewer")):
            assert owner.delete(people_path(one, other.user_id)).status_code == 200
            assert role_in(other, project_id) == left

    def test_the_last_maintainer_stays(self, owner, other, problem, team_id):
        take_in(owner, team_id, other)
        problem(owner.delete(people_path(team_id, owner.user_id)), 409, "last-maintainer")
        take_in(owner, team_id, other, "maintainer")
        assert owner.delete(people_path(team_id, owner.user_id)).status_code == 200
        problem(owner.get(f"{TEAMS}/{team_id}"), 404, "team-not-found")

    def test_only_the_active_ones_count_and_others_may_go(
        self, owner, other, server, problem, team_id
    ):
        operator, member = server.person("Olga", ("admin",)), server.person()
        take_in(owner, team_id, other, "maintainer")
        take_in(owner, team_id, member)
        operator.post(f"/api/admin/people/{other.user_id}/deactivate")
        problem(owner.delete(people_path(team_id, owner.user_id)), 409, "last-maintainer")
        problem(take_in(owner, team_id, owner), 409, "last-maintainer")
        # Where an operator left none, whoever else is in it may still go.
        operator.post(f"/api/admin/people/{owner.user_id}/deactivate")
        assert member.delete(people_path(team_id, member.user_id)).status_code == 200
        operator.post(f"/api/admin/people/{other.user_id}/activate")
        assert other.delete(people_path(team_id, owner.user_id)).status_code == 200

    def test_members_remove_nobody_else(self, owner, other, server, problem, team_id):
        third = server.person()
        for person in (other, third):
            take_in(owner, team_id, person)
        answer = other.delete(people_path(team_id, third.user_id))
        problem(answer, 403, "insufficient-role")
        stranger = server.person()
        for whom in (stranger, third):
            answer = stranger.delete(people_path(team_id, whom.user_id))
            problem(answer, 404, "team-not-found")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_person(self, owner, problem, team_id, bad):
        problem(owner.delete(people_path(team_id, bad)), 404, "team-person-not-found")
