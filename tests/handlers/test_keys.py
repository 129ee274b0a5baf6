"""The operations of the tag `keys`, one class each."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from projects_api.access import grants
from projects_api.app import maintenance
from projects_api.models import api_key
from projects_api.models.api_key import api_keys
from projects_api.models.base import present, to_text
from projects_api.settings import Settings
from tests.conftest import Person, running
from tests.handlers.conftest import assert_problem
from tests.support.processes import wait_until

ADMIN = ("admin",)


@pytest.fixture
def operator(server):
    return server.person("Olga", ADMIN)


def make(person, scopes=("read", "write"), **body):
    return person.post("/api/keys", json={"name": "A key", "scopes": list(scopes), **body})


def key_ids(person, path="/api/keys", **query) -> list[str]:
    answer = person.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


def asking(person, secret: str) -> Person:
    """Give the same person with another key."""
    return Person(person.server, person.user_id, person.email, secret)


def own_id(person) -> str:
    return person.get("/api/keys").json()["caller"]["key_id"]


def hours(number: float) -> str:
    return to_text(datetime.now(UTC) + timedelta(hours=number))


class TestListKeys:
    def test_own_keys_newest_first_and_never_a_secret(self, server, owner, other):
        first = own_id(owner)
        made = make(owner, ["predict", "read"]).json()
        answer = owner.get("/api/keys")
        assert key_ids(owner) == [made["key"]["id"], first]
        assert answer.json()["items"][0] == made["key"]
        assert made["key"]["scopes"] == ["read", "predict"]
        assert answer.json()["caller"] == {
            "user_id": owner.user_id,
            "key_id": first,
            "scopes": ["read", "write", "predict"],
        }
        for secret in (made["secret"], owner.key):
            assert secret.split("_", 2)[2] not in answer.text
        assert made["key"]["id"] not in key_ids(other)

    def test_pages(self, owner):
        for _ in range(3):
            make(owner)
        every = key_ids(owner)
        assert key_ids(owner, limit=2) + key_ids(owner, limit=2, offset=2) == every
        assert len(every) == owner.get("/api/keys", params={"limit": 2}).json()["total"] == 4

    def test_what_is_expired_is_not_there(self, server, owner):
        server.key(owner.user_id, expires_at=hours(-1))
        assert key_ids(owner) == [own_id(owner)]

    def test_when_a_key_was_last_used(self, new_database_url, tmp_path, monkeypatch):
        monkeypatch.setattr(maintenance, "INTERVAL_SECONDS", 0.05)
        settings = Settings(_env_file=None, database_url=new_database_url, data_dir=tmp_path)
        with running(settings) as server:
            owner = server.person()
            begin = to_text(datetime.now(UTC))
            made = make(owner).json()
            assert made["key"]["last_used_at"] is None
            assert asking(owner, made["secret"]).get("/api/projects").status_code == 200

            def last() -> str | None:
                return owner.get(f"/api/keys/{made['key']['id']}").json()["key"]["last_used_at"]

            wait_until(last, "the use of the key is written down")
            assert begin < last() <= to_text(datetime.now(UTC))


class TestCreateKey:
    def test_the_new_key_works_and_is_kept_as_a_hash(self, server, owner):
        end = hours(1)
        answer = make(owner, ["read"], expires_at=end)
        assert answer.status_code == 201, answer.text
        key, secret = answer.json()["key"], answer.json()["secret"]
        assert (key["name"], key["scopes"], key["email"]) == ("A key", ["read"], owner.email)
        assert datetime.fromisoformat(key["expires_at"]) == datetime.fromisoformat(end)
        assert answer.headers["location"] == f"/api/keys/{key['id']}"
        reader = asking(owner, secret)
        assert reader.get("/api/projects").status_code == 200
        assert_problem(reader.post("/api/projects", json={"name": "No"}), 403, "insufficient-scope")
        with server.services.database.transaction(writing=False) as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key["id"])).one()
        assert secret.split("_", 2)[2] not in str(row)

    def test_no_more_scopes_than_the_key_that_asks(self, server, owner, operator):
        writer = asking(owner, server.key(owner.user_id, ("write",)))
        for lacking in ("read", "predict", "admin"):
            answer = make(writer, ["write", lacking])
            assert_problem(answer, 403, "insufficient-scope", f"yours lacks `{lacking}`")
        assert make(writer, ["write"]).status_code == 201
        # `admin` includes the others.
        assert make(operator, ["read", "write", "predict", "admin"]).status_code == 201

    def test_a_key_without_write_makes_none(self, server, owner):
        reader = asking(owner, server.key(owner.user_id, ("read", "predict")))
        assert_problem(make(reader, ["read"]), 403, "insufficient-scope", "`write`")

    def test_no_longer_life_than_the_key_that_asks(self, server, owner):
        ends = hours(2)
        brief = asking(owner, server.key(owner.user_id, expires_at=ends))
        for wanted in ({}, {"expires_at": None}, {"expires_at": hours(3)}):
            assert_problem(make(brief, **wanted), 409, "key-outlives", ends)
        assert make(brief, expires_at=ends).status_code == 201

    @pytest.mark.parametrize(
        "moment",
        [
            "2020-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00",
            "2500-01-01T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "9999-12-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
        ],
    )
    def test_an_end_that_is_none(self, owner, moment):
        assert_problem(make(owner, expires_at=moment), 422, "expiry-refused")

    @pytest.mark.parametrize(
        ("seconds", "is_one"),
        [(0, False), (1, True), (36_500 * 86_400, True), (36_500 * 86_400 + 1, False)],
    )
    def test_the_first_and_the_last_end(self, owner, monkeypatch, seconds, is_one):
        now = present().replace(microsecond=0)
        monkeypatch.setattr(grants, "present", lambda: now)
        answer = make(owner, expires_at=to_text(now + timedelta(seconds=seconds)))
        assert answer.status_code == (201 if is_one else 422), answer.text

    def test_an_end_of_another_time_zone(self, owner):
        answer = make(owner, expires_at="2090-01-01T01:00:00+01:00")
        assert answer.json()["key"]["expires_at"] == "2090-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        "moment", ["2030-12-31T23:59:60Z", "2031-01-01T05:29:60+05:30", "2030-12-31t23:59:60.0z"]
    )
    def test_a_leap_second_is_the_second_after_it(self, owner, moment):
        answer = make(owner, expires_at=moment)
        assert answer.status_code == 201, answer.text
        assert answer.json()["key"]["expires_at"] == "2031-01-01T00:00:00Z"

    def test_as_many_as_may_be_also_where_requests_come_together(self, owner, monkeypatch, problem):
        monkeypatch.setattr(api_key, "MAX_LIVE", 5)
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(make(asking(owner, owner.key))))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
        problem(make(owner), 409, "too-many-keys")
        made = next(answer for answer in answers if answer.status_code == 201).json()["key"]["id"]
        assert owner.delete(f"/api/keys/{made}").status_code == 200
        assert make(owner).status_code == 201

    def test_what_the_bound_is(self):
        assert api_key.MAX_LIVE == 100

    def test_it_takes_no_idempotency_key_so_that_no_secret_is_kept(self, owner):
        headers = {"Idempotency-Key": "twice"}
        body = {"name": "A key", "scopes": ["read"]}
        made = [owner.post("/api/keys", json=body, headers=headers).json() for _ in range(2)]
        assert made[0]["secret"] != made[1]["secret"]

    def test_rotation_without_a_gap(self, owner):
        """A second key works before the first one is gone, and there is no moment without one."""
        made = make(owner, ["read", "write", "predict"]).json()
        second = asking(owner, made["secret"])
        assert owner.get("/api/projects").status_code == 200
        first_id = own_id(owner)
        assert second.get("/api/projects").status_code == 200
        assert second.delete(f"/api/keys/{first_id}").status_code == 200
        assert_problem(owner.get("/api/projects"), 401, "unauthenticated")
        assert second.get("/api/projects").status_code == 200
        assert key_ids(second) == [made["key"]["id"]]


class TestGetKey:
    def test_own(self, owner):
        made = make(owner).json()["key"]
        assert owner.get(f"/api/keys/{made['id'].upper()}").json() == {"key": made}

    def test_of_somebody_else(self, owner, other, operator):
        made = make(owner).json()["key"]
        for stranger in (other, operator):
            assert_problem(stranger.get(f"/api/keys/{made['id']}"), 404, "key-not-found")
        assert_problem(owner.get("/api/keys/none"), 404, "key-not-found")


class TestDeleteKey:
    def test_another_one(self, owner):
        made = make(owner).json()
        used = asking(owner, made["secret"])
        assert used.get("/api/projects").status_code == 200
        assert owner.delete(f"/api/keys/{made['key']['id']}").json() == {"ok": True}
        assert_problem(used.get("/api/projects"), 401, "unauthenticated")
        again = owner.delete(f"/api/keys/{made['key']['id']}")
        assert_problem(again, 404, "key-not-found")

    def test_the_one_that_asks(self, owner):
        assert owner.delete(f"/api/keys/{own_id(owner)}").json() == {"ok": True}
        assert_problem(owner.get("/api/keys"), 401, "unauthenticated")

    def test_of_somebody_else(self, owner, other, operator):
        made = make(owner).json()
        for stranger in (other, operator):
            answer = stranger.delete(f"/api/keys/{made['key']['id']}")
            assert_problem(answer, 404, "key-not-found")
        assert asking(owner, made["secret"]).get("/api/projects").status_code == 200


class TestListAllKeys:
    def test_everybodys_and_of_one_person(self, owner, other, operator):
        mine, theirs = make(owner).json()["key"], make(other).json()["key"]
        assert key_ids(operator, "/api/admin/keys", limit=2) == [theirs["id"], mine["id"]]
        answer = operator.get("/api/admin/keys", params={"user_id": owner.user_id}).json()
        assert [one["id"] for one in answer["items"]] == [mine["id"], own_id(owner)]
        assert (answer["total"], answer["items"][0]) == (2, mine)
        assert answer["caller"]["scopes"] == ["admin"]


class TestGetAnyKey:
    def test_anybodys(self, owner, operator):
        made = make(owner).json()["key"]
        path = f"/api/admin/keys/{made['id']}"
        assert operator.get(path).json() == {"key": made}
        assert owner.delete(f"/api/keys/{made['id']}").status_code == 200
        assert_problem(operator.get(path), 404, "key-not-found")


class TestRevokeKey:
    def test_anybodys_in_the_audit_log(self, owner, operator):
        made = make(owner).json()
        path = f"/api/admin/keys/{made['key']['id']}"
        assert operator.delete(path).json() == {"ok": True}
        assert_problem(asking(owner, made["secret"]).get("/api/keys"), 401, "unauthenticated")
        assert_problem(operator.delete(path), 404, "key-not-found")
        told = operator.get("/api/admin/audit", params={"operation": "revoke_key", "limit": 500})
        (entry,) = [
            one
            for one in told.json()["items"]
            if (one["resource_id"], one["status"]) == (made["key"]["id"], 200)
        ]
        assert entry["user_id"] == operator.user_id
        made_by = operator.get("/api/admin/audit", params={"operation": "create_key"})
        assert made["key"]["id"] in [one["resource_id"] for one in made_by.json()["items"]]
