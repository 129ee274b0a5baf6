"""The operations of the tag `people`, one class each."""

import threading
import uuid

import pytest

from tests.conftest import Person
from tests.handlers.conftest import assert_problem

NOBODY = str(uuid.UUID(int=7))
PEOPLE = "/api/admin/people"


@pytest.fixture
def operator(server):
    return server.person("Olga", ("admin",))


def register(operator, email: str = "", **body):
    email = email or f"{uuid.uuid4().hex}@example.com"
    return operator.post(PEOPLE, json={"email": email, **body})


def act(operator, person_id: str, what: str):
    return operator.post(f"{PEOPLE}/{person_id}/{what}")


def set_quota(operator, person_id: str, quota_bytes: int | None):
    return operator.put(f"{PEOPLE}/{person_id}/quota", json={"quota_bytes": quota_bytes})


def test_who_is_no_operator_is_told_what_to_do(owner):
    """Every scope but `admin` is not enough, whatever is asked."""
    for answer in (owner.get(PEOPLE), register(owner), set_quota(owner, owner.user_id, 0)):
        detail = "has the scope `admin`. An operator of the server has one; where the server runs, "
        detail += "`projects-api keys create EMAIL --scopes admin`"
        assert_problem(answer, 403, "insufficient-scope", detail)


class TestListPeople:
    def test_found_by_address_in_any_case_without_wildcards(self, operator):
        mark = uuid.uuid4().hex
        for number in (2, 1, 3):
            register(operator, f"{number}.{mark}@Example.com", name=f"N{number}")
        search = {"search": f".{mark.upper()}@exam"}
        found = operator.get(PEOPLE, params=search).json()
        assert [one["name"] for one in found["items"]] == ["N1", "N2", "N3"]
        page = operator.get(PEOPLE, params={**search, "limit": 2, "offset": 1}).json()
        assert [one["name"] for one in page["items"]] == ["N2", "N3"]
        assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
        for wildcard in ("%", "_", "\\"):
            params = {"search": f"{mark}{wildcard}example"}
            assert operator.get(PEOPLE, params=params).json()["total"] == 0

    def test_everybody(self, operator, owner):
        found = operator.get(PEOPLE, params={"limit": 1}).json()
        assert found["total"] >= 2
        assert len(found["items"]) == 1


class TestCreatePerson:
    def test_who_is_registered(self, operator, server):
        answer = register(operator, "Zoe@Example.com", name="Zoe")
        if answer.status_code == 409:  # by the same test on this server
            pytest.skip("registered already")
        assert answer.status_code == 201, answer.text
        person = answer.json()["person"]
        assert (person["email"], person["name"]) == ("zoe@example.com", "Zoe")
        assert (person["deactivated_at"], person["own_quota_bytes"]) == (None, None)
        assert answer.headers["location"] == f"{PEOPLE}/{person['id']}"
        assert_problem(register(operator, "ZOE@example.com"), 409, "address-taken")

    def test_one_of_two_that_come_together(self, operator):
        email, answers = f"{uuid.uuid4().hex}@example.com", []

        def send():
            asking = Person(operator.server, operator.user_id, operator.email, operator.key)
            answers.append(register(asking, email).status_code)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [201, 409, 409, 409]

    def test_the_name_is_the_address_where_there_is_none(self, operator):
        person = register(operator).json()["person"]
        assert person["name"] == person["email"]

    @pytest.mark.parametrize("domain", ["service-accounts.invalid", "Service-Accounts.INVALID"])
    def test_nobody_has_an_address_of_service_accounts(self, operator, problem, domain):
        answer = register(operator, f"evil@{domain}")
        problem(answer, 409, "address-taken", "service accounts")

    def test_once_for_an_idempotency_key(self, operator):
        body = {"email": f"{uuid.uuid4().hex}@example.com"}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        first, second = (operator.post(PEOPLE, json=body, headers=headers) for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()


class TestGetPerson:
    def test_with_what_is_kept(self, operator, owner, project_id):
        table = b"a,b\n1,2\n"
        assert owner.upload(project_id, table).status_code == 201
        found = operator.get(f"{PEOPLE}/{owner.user_id.upper()}").json()
        own = owner.get("/api/usage").json()
        assert found["person"]["email"] == owner.email
        assert found["usage"] == {name: own[name] for name in found["usage"]}
        assert found["usage"]["stored_bytes"] == len(table)

    def test_nobody(self, operator):
        for nobody in (NOBODY, "none"):
            assert_problem(operator.get(f"{PEOPLE}/{nobody}"), 404, "person-not-found")


class TestDeactivatePerson:
    def test_no_key_works_until_activated(self, operator, owner, server, project_id):
        another = Person(server, owner.user_id, owner.email, server.key(owner.user_id))
        answer = act(operator, owner.user_id, "deactivate")
        since = answer.json()["person"]["deactivated_at"]
        assert (answer.status_code, since is None) == (200, False)
        newest = Person(server, owner.user_id, owner.email, server.key(owner.user_id))
        for refused in (owner, another, newest):
            for path in ("/api/projects", f"/api/projects/{project_id}"):
                assert_problem(refused.get(path), 401, "unauthenticated")
            assert_problem(
                refused.post("/api/projects", json={"name": "N"}), 401, "unauthenticated"
            )
        again = act(operator, owner.user_id, "deactivate")
        assert again.json()["person"]["deactivated_at"] == since
        assert act(operator, owner.user_id, "activate").status_code == 200
        assert owner.get(f"/api/projects/{project_id}").status_code == 200

    def test_nobody_shuts_themselves_out(self, operator):
        for own_id in (operator.user_id, operator.user_id.upper()):
            assert_problem(act(operator, own_id, "deactivate"), 409, "own-account")
        assert operator.get(PEOPLE).status_code == 200

    def test_nobody(self, operator):
        assert_problem(act(operator, NOBODY, "deactivate"), 404, "person-not-found")


class TestActivatePerson:
    def test_revoked_keys_stay_so(self, operator, owner):
        key_id = owner.get("/api/keys").json()["caller"]["key_id"]
        act(operator, owner.user_id, "deactivate")
        assert operator.delete(f"/api/admin/keys/{key_id}").status_code == 200
        answer = act(operator, owner.user_id, "activate")
        assert answer.json()["person"]["deactivated_at"] is None
        assert_problem(owner.get("/api/projects"), 401, "unauthenticated")

    def test_one_who_is_active(self, operator, owner):
        assert act(operator, owner.user_id, "activate").status_code == 200
        assert_problem(act(operator, NOBODY, "activate"), 404, "person-not-found")


class TestSetPersonQuota:
    def test_it_is_met_to_the_byte(self, operator, owner, project_id):
        table = b"a,b\n1,2\n"
        answer = set_quota(operator, owner.user_id, len(table) - 1)
        assert answer.json()["person"]["own_quota_bytes"] == len(table) - 1
        refused = owner.upload(project_id, table)
        assert_problem(refused, 413, "quota-exceeded", f"would have {len(table)} bytes")
        assert owner.get("/api/usage").json()["left_bytes"] == len(table) - 1
        set_quota(operator, owner.user_id, len(table))
        assert owner.upload(project_id, table).status_code == 201
        own = operator.get(f"{PEOPLE}/{owner.user_id}").json()["usage"]
        assert (own["quota_bytes"], own["left_bytes"]) == (len(table), 0)
        assert_problem(owner.upload(project_id, table), 413, "quota-exceeded")

    def test_no_limit_and_the_servers_own_again(self, operator, owner, other):
        usual = other.get("/api/usage").json()["quota_bytes"]
        set_quota(operator, owner.user_id, 0)
        own = owner.get("/api/usage").json()
        assert (own["quota_bytes"], own["left_bytes"]) == (None, None)
        assert set_quota(operator, owner.user_id, None).json()["person"]["own_quota_bytes"] is None
        assert owner.get("/api/usage").json()["quota_bytes"] == usual

    def test_nobody(self, operator):
        assert_problem(set_quota(operator, NOBODY, 1), 404, "person-not-found")

    def test_not_of_a_service_account(self, operator, owner, problem):
        account = owner.post("/api/service-accounts", json={"name": "A"}).json()["account"]
        problem(set_quota(operator, account["id"], 1), 409, "quota-of-owner", "Set the owner's")
        found = operator.get(f"/api/admin/people/{account['id']}").json()
        assert found["person"]["own_quota_bytes"] is None


class TestCreatePersonKey:
    def make(self, operator, person_id: str, *scopes: str):
        body = {"name": "First key", "scopes": list(scopes)}
        return operator.post(f"{PEOPLE}/{person_id}/keys", json=body)

    def test_the_first_key_of_somebody(self, operator, server):
        person = register(operator).json()["person"]
        answer = self.make(operator, person["id"], "read", "write")
        assert answer.status_code == 201, answer.text
        key = answer.json()["key"]
        assert (key["user_id"], key["scopes"]) == (person["id"], ["read", "write"])
        assert answer.headers["location"] == f"/api/admin/keys/{key['id']}"
        theirs = Person(server, person["id"], person["email"], answer.json()["secret"])
        assert theirs.get("/api/keys").json()["caller"]["user_id"] == person["id"]

    def test_nobody(self, operator):
        assert_problem(self.make(operator, NOBODY, "read"), 404, "person-not-found")
