"""The operations of the tag `members`, one class each."""

import pytest

from projects_api.models.teams import project_team

FIELDS = {"user_id", "email", "name", "role", "created_at", "through"}
UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"


def path(project_id: str, member_id: str = "") -> str:
    return f"/api/projects/{project_id}/members" + (f"/{member_id}" if member_id else "")


def roles(person, project_id: str) -> dict[str, str]:
    return {item["email"]: item["role"] for item in person.get(path(project_id)).json()["items"]}


def through(person, project_id: str) -> dict[str, dict[str, str]]:
    listed = person.get(path(project_id)).json()["items"]
    return {item["email"]: item["through"] for item in listed}


def teams_path(project_id: str, team_id: str = "") -> str:
    return f"/api/projects/{project_id}/teams" + (f"/{team_id}" if team_id else "")


def bring(person, project_id: str, team_id: str, role: str = "viewer"):
    return person.post(teams_path(project_id), json={"team_id": team_id, "role": role})


@pytest.fixture
def team_of(owner):
    """Make a team of the owner and others."""

    def make(*people, name: str = "A team") -> str:
        team_id = owner.post("/api/teams", json={"name": name}).json()["team_id"]
        for one in people:
            answer = owner.post(f"/api/teams/{team_id}/people", json={"email": one.email})
            assert answer.status_code == 201
        return team_id

    return make


class TestListMembers:
    def test_tells_by_what_somebody_is_one(self, owner, other, server, project_id, team_of):
        third = server.person()
        owner.share(project_id, other, "editor")
        bring(owner, project_id, team_of(other, third), "viewer")
        bring(owner, project_id, team_of(third), "admin")
        assert through(owner, project_id) == {
            owner.email: {"direct": "owner", "teams": "admin"},
            other.email: {"direct": "editor", "teams": "viewer"},
            third.email: {"teams": "admin"},
        }
        assert roles(owner, project_id) == {
            owner.email: "owner",
            other.email: "editor",
            third.email: "admin",
        }

    def test_lists_in_the_order_of_joining(self, owner, other, project_id):
        owner.share(project_id, other, "viewer")
        answer = owner.get(path(project_id))
        assert answer.status_code == 200
        listed = answer.json()
        assert set(listed) == {"items", "total", "limit", "offset", "caller"}
        assert (listed["total"], listed["limit"], listed["offset"]) == (2, 50, 0)
        first, second = listed["items"]
        assert set(first) == set(second) == FIELDS
        assert (first["user_id"], first["email"], first["name"], first["role"]) == (
            owner.user_id,
            owner.email,
            "Alice Chen",
            "owner",
        )
        assert (second["email"], second["role"]) == (other.email, "viewer")

    @pytest.mark.parametrize("role", ["viewer", "editor", "admin", "owner"])
    def test_tells_who_asks_and_as_what(self, owner, other, project_id, role):
        owner.share(project_id, other, role)
        for person, expected in ((owner, "owner"), (other, role)):
            # Also where the page does not reach the caller.
            listed = person.get(path(project_id), params={"limit": 1, "offset": 7}).json()
            assert listed["items"] == []
            assert listed["caller"] == {"user_id": person.user_id, "role": expected}
        owner.share(project_id, other, "viewer")
        assert other.get(path(project_id)).json()["caller"]["role"] == "viewer"

    def test_pages(self, owner, server, project_id):
        for _ in range(4):
            owner.share(project_id, server.person(), "viewer")
        pages = [
            owner.get(path(project_id), params={"limit": 2, "offset": offset}).json()
            for offset in (0, 2, 4, 6)
        ]
        assert [len(page["items"]) for page in pages] == [2, 2, 1, 0]
        assert {page["total"] for page in pages} == {5}
        assert len({item["user_id"] for page in pages for item in page["items"]}) == 5

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1"])
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, query):
        problem(owner.get(f"{path(project_id)}?{query}"), 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "project-not-found")


class TestAddMember:
    def test_adds(self, owner, other, project_id):
        answer = owner.post(path(project_id), json={"email": other.email, "role": "viewer"})
        assert answer.status_code == 201
        member = answer.json()["member"]
        assert set(answer.json()) == {"member"}
        assert set(member) == FIELDS
        assert (member["user_id"], member["email"], member["name"], member["role"]) == (
            other.user_id,
            other.email,
            "Bob Smith",
            "viewer",
        )
        assert other.get(f"/api/projects/{project_id}").status_code == 200

    def test_editor_by_default(self, owner, other, project_id):
        added = owner.post(path(project_id), json={"email": other.email}).json()
        assert added["member"]["role"] == "editor"

    def test_finds_the_person_whatever_the_case(self, owner, other, project_id):
        answer = owner.post(path(project_id), json={"email": other.email.upper()})
        assert answer.json()["member"]["user_id"] == other.user_id

    @pytest.mark.parametrize("role", ["viewer", "editor", "admin", "owner"])
    def test_changes_the_role_of_a_member(self, owner, other, project_id, role):
        owner.share(project_id, other, "viewer")
        assert owner.share(project_id, other, role).status_code == 201
        assert roles(owner, project_id) == {owner.email: "owner", other.email: role}

    def test_a_higher_role_of_a_team_counts(self, owner, other, project_id, team_of):
        team_id = team_of(other)
        bring(owner, project_id, team_id, "editor")
        for role, counts in (("viewer", "editor"), ("admin", "admin"), ("viewer", "editor")):
            member = owner.share(project_id, other, role).json()["member"]
            assert member["role"] == counts
            assert member["through"] == {"direct": role, "teams": "editor"}
        assert other.get(path(project_id)).json()["caller"]["role"] == "editor"

    def test_an_unregistered_address(self, owner, problem, project_id):
        body = {"email": "nobody@example.com"}
        problem(owner.post(path(project_id), json=body), 404, "user-not-registered", "registered")

    def test_the_last_owner_cannot_be_demoted(self, owner, other, problem, project_id):
        owner.share(project_id, other, "admin")
        body = {"email": owner.email, "role": "editor"}
        problem(owner.post(path(project_id), json=body), 409, "last-owner")
        assert roles(owner, project_id)[owner.email] == "owner"

    def test_one_of_two_owners_can(self, owner, other, project_id):
        owner.share(project_id, other, "owner")
        assert owner.share(project_id, owner, "viewer").status_code == 201
        assert roles(owner, project_id) == {owner.email: "viewer", other.email: "owner"}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"email": "no address"},
            {"email": ""},
            {"email": None},
            {"email": "a@example.com", "role": "king"},
            {"email": "a@example.com", "role": None},
            {"email": "a@example.com", "more": 1},
            {"email": f"{'a' * 250}@example.com"},
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, body):
        problem(owner.post(path(project_id), json=body), 422, "contract-violation")

    def test_refuses_other_bodies(self, owner, problem, project_id):
        json = {"Content-Type": "application/json"}
        text = {"Content-Type": "text/plain"}
        problem(owner.post(path(project_id), data=b"{", headers=json), 400, "not-json")
        problem(
            owner.post(path(project_id), data=b"{}", headers=text), 415, "unsupported-media-type"
        )
        big = b'{"email": "' + b"x" * 2_000_000 + b'"}'
        problem(owner.post(path(project_id), data=big, headers=json), 413, "too-large")

    def test_no_such_project(self, owner, other, problem):
        body = {"email": other.email}
        problem(owner.post(path(UNKNOWN), json=body), 404, "project-not-found")


class TestRemoveMember:
    def test_removes(self, owner, other, problem, project_id):
        owner.share(project_id, other, "admin")
        answer = owner.delete(path(project_id, other.user_id))
        assert answer.status_code == 200
        assert answer.json() == {"ok": True}
        assert roles(owner, project_id) == {owner.email: "owner"}
        problem(other.get(f"/api/projects/{project_id}"), 404, "project-not-found")
        problem(owner.delete(path(project_id, other.user_id)), 404, "member-not-found")

    @pytest.mark.parametrize("role", ["viewer", "editor", "admin", "owner"])
    def test_everybody_may_leave(self, owner, other, project_id, role):
        owner.share(project_id, other, role)
        assert other.delete(path(project_id, other.user_id)).status_code == 200
        assert roles(owner, project_id) == {owner.email: "owner"}

    def test_only_owners_remove_others(self, owner, other, server, problem, project_id):
        third = server.person()
        owner.share(project_id, other, "admin")
        owner.share(project_id, third, "viewer")
        answer = other.delete(path(project_id, third.user_id))
        problem(answer, 403, "insufficient-role")
        assert third.email in roles(owner, project_id)

    def test_the_last_owner_stays(self, owner, other, problem, project_id):
        owner.share(project_id, other, "admin")
        problem(owner.delete(path(project_id, owner.user_id)), 409, "last-owner")
        owner.share(project_id, other, "owner")
        assert owner.delete(path(project_id, owner.user_id)).status_code == 200

    @pytest.mark.parametrize("bad", [UNKNOWN, "not-a-uuid"])
    def test_no_such_member(self, owner, problem, project_id, bad):
        problem(owner.delete(path(project_id, bad)), 404, "member-not-found")

    @pytest.mark.parametrize("bad", [UNKNOWN, "not-a-uuid"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.delete(path(bad, owner.user_id)), 404, "project-not-found")

    def test_what_a_team_gives_stays(self, owner, other, problem, project_id, team_of):
        bring(owner, project_id, team_of(other), "viewer")
        owner.share(project_id, other, "admin")
        assert owner.delete(path(project_id, other.user_id)).status_code == 200
        assert through(owner, project_id)[other.email] == {"teams": "viewer"}
        assert other.get(path(project_id)).json()["caller"]["role"] == "viewer"
        for person in (owner, other):
            answer = person.delete(path(project_id, other.user_id))
            problem(answer, 409, "member-through-team", "Take the person out of the team")
        assert other.email in roles(owner, project_id)

    def test_the_last_owner_stays_whatever_teams_give(
        self, owner, other, problem, project_id, team_of
    ):
        bring(owner, project_id, team_of(other), "admin")
        problem(owner.delete(path(project_id, owner.user_id)), 409, "last-owner")
        assert roles(owner, project_id) == {owner.email: "owner", other.email: "admin"}


class TestListProjectTeams:
    def test_oldest_first_for_every_member(self, owner, other, project_id, team_of):
        nothing = {"items": [], "total": 0, "limit": 50, "offset": 0}
        assert owner.get(teams_path(project_id)).json() == nothing
        ids = [team_of(name=name) for name in ("b", "a", "c")]
        for team_id, role in zip(ids, ("viewer", "editor", "admin"), strict=True):
            bring(owner, project_id, team_id, role)
        owner.share(project_id, other, "viewer")  # who is in none of them
        listed = other.get(teams_path(project_id)).json()
        assert [(one["team_id"], one["name"], one["role"]) for one in listed["items"]] == [
            *((ids[0], "b", "viewer"), (ids[1], "a", "editor"), (ids[2], "c", "admin")),
        ]
        assert all(set(one) == {"team_id", "name", "role", "created_at"} for one in listed["items"])
        page = other.get(teams_path(project_id), params={"limit": 1, "offset": 1}).json()
        assert page == {"items": listed["items"][1:2], "total": 3, "limit": 1, "offset": 1}

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(teams_path(bad)), 404, "project-not-found")


class TestAddProjectTeam:
    def test_makes_its_people_members(self, owner, other, project_id, team_of):
        team_id = team_of(other, name="Them")
        answer = bring(owner, project_id, team_id, "editor")
        assert answer.status_code == 201
        team = answer.json()["team"]
        assert (team["team_id"], team["name"], team["role"]) == (team_id, "Them", "editor")
        assert owner.get(teams_path(project_id)).json()["items"] == [team]
        assert other.put(f"/api/projects/{project_id}", json={"name": "N"}).status_code == 200

    @pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
    def test_changes_the_role(self, owner, other, project_id, team_of, role):
        team_id = team_of(other)
        for given in ("editor", role):
            bring(owner, project_id, team_id, given)
            assert roles(owner, project_id)[other.email] == given
        assert owner.get(teams_path(project_id)).json()["total"] == 1

    def test_who_brings_a_team_is_in_it(self, owner, other, server, problem, project_id, team_of):
        stranger = server.person()
        owner.share(project_id, stranger, "owner")
        team_id = team_of(other)
        problem(bring(stranger, project_id, team_id), 404, "team-not-found")
        problem(bring(owner, project_id, UNKNOWN), 404, "team-not-found")
        assert other.email not in roles(owner, project_id)
        # Once it is here, every owner decides on what it may do.
        bring(owner, project_id, team_id, "admin")
        assert bring(stranger, project_id, team_id, "viewer").status_code == 201
        assert roles(owner, project_id)[other.email] == "viewer"

    def test_who_brings_a_team_maintains_it(self, server, other, problem, project_id, team_of):
        team_id, theirs = team_of(other), other.create_project()
        problem(bring(other, theirs, team_id), 403, "insufficient-role", "maintainer")
        assert other.get(teams_path(theirs)).json()["total"] == 0

    def test_the_team_tells_in_how_many_projects_it_is(self, owner, project_id, team_of):
        first, second = team_of(), team_of()
        for each, team_id in ((project_id, first), (owner.create_project(), first)):
            bring(owner, each, team_id)
        listed = owner.get("/api/teams").json()["items"]
        assert {one["id"]: one["project_count"] for one in listed} == {first: 2, second: 0}
        owner.delete(teams_path(project_id, first))
        assert owner.get(f"/api/teams/{first}").json()["team"]["project_count"] == 1

    def test_only_an_owner_does(self, owner, other, problem, project_id, team_of):
        team_id = team_of(other)
        owner.share(project_id, other, "admin")
        problem(bring(other, project_id, team_id), 403, "insufficient-role")

    def test_bounds(self, owner, problem, project_id, team_of, monkeypatch):
        first, second, third = (team_of() for _ in range(3))
        monkeypatch.setattr(project_team, "MOST_OF_PROJECT", 2)
        monkeypatch.setattr(project_team, "MOST_OF_TEAM", 1)
        for team_id in (first, second):
            assert bring(owner, project_id, team_id).status_code == 201
        problem(bring(owner, project_id, third), 409, "too-many-project-teams", "20")
        another = owner.create_project()
        problem(bring(owner, another, first), 409, "too-many-team-projects", "100")
        assert bring(owner, project_id, first, "admin").status_code == 201

    @pytest.mark.parametrize(
        "body",
        [
            *({}, {"team_id": UNKNOWN}, {"role": "viewer"}, {"team_id": "x", "role": "viewer"}),
            *({"team_id": UNKNOWN, "role": "owner"}, {"team_id": UNKNOWN, "role": None}),
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, body):
        problem(owner.post(teams_path(project_id), json=body), 422, "contract-violation")


class TestRemoveProjectTeam:
    def test_takes_what_the_team_gave(self, owner, other, server, problem, project_id, team_of):
        direct, by_another = server.person(), server.person()
        team_id, another = team_of(other, direct, by_another), team_of(by_another)
        owner.share(project_id, direct, "viewer")
        bring(owner, project_id, team_id, "admin")
        bring(owner, project_id, another, "editor")
        answer = owner.delete(teams_path(project_id, team_id))
        assert answer.json() == {"ok": True}
        assert roles(owner, project_id) == {
            owner.email: "owner",
            direct.email: "viewer",
            by_another.email: "editor",
        }
        problem(other.get(f"/api/projects/{project_id}"), 404, "project-not-found")
        again = owner.delete(teams_path(project_id, team_id))
        problem(again, 404, "team-not-found")

    def test_any_owner_does_and_nobody_else(
        self, owner, other, server, problem, project_id, team_of
    ):
        team_id, second = team_of(other), server.person()
        bring(owner, project_id, team_id, "admin")
        owner.share(project_id, second, "owner")
        problem(other.delete(teams_path(project_id, team_id)), 403, "insufficient-role")
        assert second.delete(teams_path(project_id, team_id)).status_code == 200
        assert other.email not in roles(owner, project_id)

    @pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
    def test_a_maintainer_takes_the_team_out_and_no_other(
        self, owner, other, problem, project_id, team_of, role
    ):
        team_id, another = team_of(other), team_of()
        for one in (team_id, another):
            bring(owner, project_id, one, role)
        body = {"email": other.email, "role": "maintainer"}
        owner.post(f"/api/teams/{team_id}/people", json=body)
        problem(other.delete(teams_path(project_id, another)), 403, "insufficient-role")
        problem(other.delete(teams_path(project_id, UNKNOWN)), 403, "insufficient-role")
        assert other.delete(teams_path(project_id, team_id)).status_code == 200
        problem(other.get(f"/api/projects/{project_id}"), 404, "project-not-found")
        # To a maintainer who is no member of a project it is not there.
        problem(other.delete(teams_path(project_id, team_id)), 404, "project-not-found")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_team(self, owner, problem, project_id, bad):
        problem(owner.delete(teams_path(project_id, bad)), 404, "team-not-found")
