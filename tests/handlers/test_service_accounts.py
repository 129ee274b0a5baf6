"""The operations of the tag `service_accounts`, one class each."""

import uuid
from dataclasses import replace

import pytest

from projects_api.models import user
from projects_api.models.accounts import service_account

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
ACCOUNTS = "/api/service-accounts"
FIELDS = {"id", "name", "email", "created_at", "deactivated_at"}


def make(person, name: str = "Nightly") -> dict:
    answer = person.post(ACCOUNTS, json={"name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()["account"]


def make_key(person, account_id: str, *scopes: str, **body):
    sent = {"name": "K", "scopes": list(scopes or ("read", "write")), **body}
    return person.post(f"{ACCOUNTS}/{account_id}/keys", json=sent)


@pytest.fixture
def account(owner):
    return make(owner)


@pytest.fixture
def program(owner, account):
    """Somebody that asks with a key of the account."""
    secret = make_key(owner, account["id"]).json()["secret"]
    return replace(owner, user_id=account["id"], email=account["email"], key=secret)


def works(person, secret: str) -> bool:
    return replace(person, key=secret).get("/api/projects").status_code == 200


class TestListServiceAccounts:
    def test_ones_own_oldest_first(self, owner, other):
        made = [make(owner, name) for name in ("b", "a", "c")]
        make(other)
        assert owner.get(ACCOUNTS).json() == {"items": made, "total": 3, "limit": 50, "offset": 0}
        page = owner.get(ACCOUNTS, params={"limit": 1, "offset": 1}).json()
        assert page == {"items": made[1:2], "total": 3, "limit": 1, "offset": 1}


class TestCreateServiceAccount:
    def test_makes_one_with_an_address(self, owner):
        answer = owner.post(ACCOUNTS, json={"name": "Nightly"})
        assert answer.status_code == 201
        account = answer.json()["account"]
        assert set(account) == FIELDS
        assert answer.json()["account_id"] == account["id"]
        assert answer.headers["location"] == f"{ACCOUNTS}/{account['id']}"
        assert account["email"] == f"{account['id']}@service-accounts.invalid"
        assert (account["name"], account["deactivated_at"]) == ("Nightly", None)

    def test_is_a_member_by_its_address(self, owner, account, program, project_id):
        body = {"email": account["email"], "role": "editor"}
        answer = owner.post(f"/api/projects/{project_id}/members", json=body)
        assert answer.json()["member"]["user_id"] == account["id"]
        assert program.put(f"/api/projects/{project_id}", json={"name": "N"}).status_code == 200
        assert program.delete(f"/api/projects/{project_id}").status_code == 403

    def test_once_for_one_idempotency_key(self, owner):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        first, second = (owner.post(ACCOUNTS, json={"name": "A"}, headers=headers) for _ in "ab")
        assert first.json() == second.json()
        assert owner.get(ACCOUNTS).json()["total"] == 1

    def test_twenty_of_a_person_at_a_time(self, owner, other, problem):
        made = [make(owner) for _ in range(service_account.MOST_OF_PERSON)]
        answer = owner.post(ACCOUNTS, json={"name": "N"})
        problem(answer, 409, "too-many-service-accounts", "20")
        make(other)
        assert owner.delete(f"{ACCOUNTS}/{made[0]['id']}").status_code == 200
        make(owner)

    def test_a_service_account_makes_none_and_no_people(self, program, problem):
        answer = program.post(ACCOUNTS, json={"name": "N"})
        problem(answer, 403, "not-for-service-accounts")
        answer = program.post("/api/admin/people", json={"email": "a@example.com"})
        problem(answer, 403, "insufficient-scope")

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": "n", "x": 1}])
    def test_refuses_what_breaks_the_contract(self, owner, problem, body):
        problem(owner.post(ACCOUNTS, json=body), 422, "contract-violation")

    def test_what_it_brings_counts_as_its_owners(self, server, owner, account, program, problem):
        project_id = owner.create_project()
        body = {"email": account["email"], "role": "editor"}
        assert owner.post(f"/api/projects/{project_id}/members", json=body).status_code == 201
        content = b"a,b\n" + b"1,2\n" * 100
        assert program.upload(project_id, content).status_code == 201
        for asker in (owner, program):
            assert asker.get("/api/usage").json()["stored_bytes"] == len(content)
        with server.services.database.transaction() as connection:
            user.set_own_quota(connection, owner.user_id, len(content) + 10)
        problem(program.upload(project_id, content), 413, "quota-exceeded")
        problem(owner.upload(project_id, content), 413, "quota-exceeded")


class TestGetServiceAccount:
    def test_gets(self, owner, account):
        assert owner.get(f"{ACCOUNTS}/{account['id']}").json() == {"account": account}

    def test_nobody_elses(self, owner, other, program, account, problem):
        for person in (other, program):
            answer = person.get(f"{ACCOUNTS}/{account['id']}")
            problem(answer, 404, "service-account-not-found")
        for bad in (UNKNOWN, "x", owner.user_id):
            problem(owner.get(f"{ACCOUNTS}/{bad}"), 404, "service-account-not-found")


class TestDeleteServiceAccount:
    def test_with_keys_and_memberships(self, owner, account, program, project_id, problem):
        body = {"email": account["email"], "role": "viewer"}
        owner.post(f"/api/projects/{project_id}/members", json=body)
        assert owner.delete(f"{ACCOUNTS}/{account['id']}").json() == {"ok": True}
        problem(program.get("/api/projects"), 401, "unauthenticated")
        listed = owner.get(f"/api/projects/{project_id}/members").json()
        assert [one["email"] for one in listed["items"]] == [owner.email]
        again = owner.delete(f"{ACCOUNTS}/{account['id']}")
        problem(again, 404, "service-account-not-found")

    def test_what_it_alone_has_becomes_its_owners(self, owner, account, program):
        project_id = program.create_project("Its own")
        team_id = program.post("/api/teams", json={"name": "Its own"}).json()["team_id"]
        assert owner.get(f"/api/projects/{project_id}").status_code == 404
        assert owner.delete(f"{ACCOUNTS}/{account['id']}").status_code == 200
        members = owner.get(f"/api/projects/{project_id}/members").json()["items"]
        assert [(one["email"], one["role"]) for one in members] == [(owner.email, "owner")]
        assert owner.get(f"/api/teams/{team_id}").json()["team"]["role"] == "maintainer"

    def test_nobody_elses(self, other, account, problem):
        answer = other.delete(f"{ACCOUNTS}/{account['id']}")
        problem(answer, 404, "service-account-not-found")


class TestListServiceAccountKeys:
    def test_newest_first_without_secrets(self, owner, account):
        made = [make_key(owner, account["id"], "read").json()["key"] for _ in range(3)]
        path = f"{ACCOUNTS}/{account['id']}/keys"
        listed = owner.get(path).json()
        assert listed == {"items": made[::-1], "total": 3, "limit": 50, "offset": 0}
        page = owner.get(path, params={"limit": 1, "offset": 2}).json()
        assert page["items"] == made[:1]
        assert all(one["email"] == account["email"] for one in made)
        assert owner.get("/api/keys").json()["total"] == 1  # are not the owner's

    def test_nobody_elses(self, other, account, problem):
        answer = other.get(f"{ACCOUNTS}/{account['id']}/keys")
        problem(answer, 404, "service-account-not-found")


class TestCreateServiceAccountKey:
    def test_a_key_is_renewed_without_a_gap(self, owner, account):
        first, second = (make_key(owner, account["id"], "read").json() for _ in range(2))
        assert works(owner, first["secret"])
        assert works(owner, second["secret"])
        path = f"{ACCOUNTS}/{account['id']}/keys/{first['key_id']}"
        assert owner.delete(path).status_code == 200
        assert [works(owner, one["secret"]) for one in (first, second)] == [False, True]

    def test_may_no_more_and_no_longer_than_the_key_that_asks(
        self, server, owner, account, problem
    ):
        key = server.key(owner.user_id, ("write",), expires_at="2090-01-01T00:00:00Z")
        asker = replace(owner, key=key)
        problem(make_key(asker, account["id"], "read"), 403, "insufficient-scope")
        problem(make_key(asker, account["id"], "write"), 409, "key-outlives")
        ends = {"expires_at": "2089-01-01T00:00:00Z"}
        assert make_key(asker, account["id"], "write", **ends).json()["key"]["scopes"] == ["write"]

    def test_never_one_of_an_operator(self, server, owner, account, problem):
        operator = server.person("Olga", ("admin",))
        problem(make_key(owner, account["id"], "admin"), 422, "contract-violation")
        path = f"/api/admin/people/{account['id']}/keys"
        answer = operator.post(path, json={"name": "K", "scopes": ["admin"]})
        problem(answer, 403, "not-for-service-accounts")
        answer = operator.post(path, json={"name": "K", "scopes": ["read"]})
        assert answer.status_code == 201

    def test_nobody_elses(self, other, account, problem):
        problem(make_key(other, account["id"], "read"), 404, "service-account-not-found")


class TestDeleteServiceAccountKey:
    def test_only_of_that_account(self, owner, account, problem):
        another = make(owner)
        key_id = make_key(owner, account["id"], "read").json()["key_id"]
        wrong = owner.delete(f"{ACCOUNTS}/{another['id']}/keys/{key_id}")
        problem(wrong, 404, "key-not-found")
        path = f"{ACCOUNTS}/{account['id']}/keys/{key_id}"
        assert owner.delete(path).json() == {"ok": True}
        problem(owner.delete(path), 404, "key-not-found")

    def test_nobody_elses(self, owner, other, account, problem):
        key_id = make_key(owner, account["id"], "read").json()["key_id"]
        answer = other.delete(f"{ACCOUNTS}/{account['id']}/keys/{key_id}")
        problem(answer, 404, "service-account-not-found")
