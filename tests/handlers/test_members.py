"""The operations of the tag `members`, one class each."""

import pytest

FIELDS = {"user_id", "email", "name", "role", "created_at"}
UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"


def path(project_id: str, member_id: str = "") -> str:
    return f"/api/projects/{project_id}/members" + (f"/{member_id}" if member_id else "")


def roles(person, project_id: str) -> dict[str, str]:
    return {item["email"]: item["role"] for item in person.get(path(project_id)).json()["items"]}


class TestListMembers:
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
