"""Safe repetition of POST by `Idempotency-Key`."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import requests
from sqlalchemy import select, update

from projects_api.access.idempotency import Claims, IdempotentRequest
from projects_api.access.problems import RequestRunning
from projects_api.contract import Answer
from projects_api.models import user
from projects_api.models.base import to_text
from projects_api.models.stored_answer import CLAIM_TIME, stored_answers
from tests.handlers.conftest import assert_problem

BODY = {"name": "Once"}


@pytest.fixture
def person(server):
    return server.person()


def create(person, key: str, body=BODY):
    return person.post("/api/projects", json=body, headers={"Idempotency-Key": key})


def test_replays_the_answer(person):
    first, second = create(person, "k1"), create(person, "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    for header in ("etag", "location", "content-type"):
        assert second.headers[header] == first.headers[header]
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert person.get("/api/projects").json()["total"] == 1


def test_another_body_is_refused(person):
    create(person, "k2")
    assert_problem(create(person, "k2", {"name": "Other"}), 422, "idempotency-key-reused")
    assert person.get("/api/projects").json()["total"] == 1


def test_another_operation_is_refused(person):
    project_id = create(person, "k3").json()["project_id"]
    answer = person.post(
        f"/api/projects/{project_id}/members",
        json={"email": person.email},
        headers={"Idempotency-Key": "k3"},
    )
    assert_problem(answer, 422, "idempotency-key-reused")


def test_keys_belong_to_their_caller(server, person):
    other = server.person()
    assert create(person, "k4").json() != create(other, "k4").json()


def test_an_error_is_not_kept(server, person):
    other = server.person()
    project_id = person.create_project()
    path, headers = f"/api/projects/{project_id}/members", {"Idempotency-Key": "k5"}
    late = f"late{other.user_id}@example.com"
    assert person.post(path, json={"email": late}, headers=headers).status_code == 404
    with server.services.database.transaction() as connection:
        user.create(connection, email=late, name="Late")
    assert person.post(path, json={"email": late}, headers=headers).status_code == 201


def test_an_upload_is_the_same_whatever_its_boundary(person):
    project_id = person.create_project()
    headers = {"Idempotency-Key": "k6"}
    data = {"project_id": project_id, "name": "t.csv"}

    def upload(content: bytes):
        return person.post(
            "/api/datasets/upload", data=data, files={"file": content}, headers=headers
        )

    first, second = upload(b"a,b\n1,2\n"), upload(b"a,b\n1,2\n")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert_problem(upload(b"a,b\n1,3\n"), 422, "idempotency-key-reused")
    project = person.get(f"/api/projects/{project_id}").json()["project"]
    assert project["dataset_count"] == 1


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_a_bad_key_is_refused(person, key):
    answer = person.post(
        "/api/projects", json=BODY, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert_problem(answer, 422, "contract-violation")


def test_twenty_at_once_make_one(person):
    start = threading.Barrier(20)

    def send(_number: int):
        start.wait()
        return create_in_own_session(person)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["project_id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "request-running")
            assert int(answer.headers["retry-after"]) > 0
    assert person.get("/api/projects").json()["total"] == 1


def create_in_own_session(person):
    return requests.post(
        f"{person.server.url}/api/projects",
        json=BODY,
        headers={"Authorization": f"Bearer {person.key}", "Idempotency-Key": "twenty"},
        timeout=60,
    )


def test_a_running_request_is_a_conflict(server, person):
    raw = b'{"name": "Once"}'
    claims, path = server.services.claims, "/api/projects"
    identity = ("create_project", path, sha256(raw).hexdigest())
    running = IdempotentRequest(claims, person.user_id, "k7", *identity)
    headers = {"Idempotency-Key": "k7", "Content-Type": "application/json"}

    def run():
        answer = person.post(path, data=raw, headers=headers)
        assert_problem(answer, 409, "request-running")
        raise RuntimeError("the first request fails")

    with pytest.raises(RuntimeError):
        running.run(run)
    assert person.post(path, data=raw, headers=headers).status_code == 201


def test_an_old_answer_is_forgotten(server, person):
    first = create(person, "k8").json()["project_id"]
    past = to_text(datetime.now(UTC) - timedelta(seconds=1))
    with server.services.database.transaction() as connection:
        connection.execute(update(stored_answers).values(expires_at=past))
    assert create(person, "k8").json()["project_id"] != first


def age(server, person, key: str, seconds: float) -> str:
    """Let a claim be made so much earlier; give when it runs out."""
    claimed = stored_answers.c.idempotency_key == key
    with server.services.database.transaction() as connection:
        (before,) = connection.scalars(select(stored_answers.c.expires_at).where(claimed))
        earlier = to_text(datetime.fromisoformat(before) - timedelta(seconds=seconds))
        connection.execute(update(stored_answers).where(claimed).values(expires_at=earlier))
    return earlier


class Interrupted(BaseException):
    """Ends a request in the midst of it."""


def claim_of(claims: Claims, person, key: str) -> IdempotentRequest:
    """Give the very request that `create` sends under a key."""
    identity = ("create_project", "/api/projects", sha256(b'{"name": "Once"}').hexdigest())
    return IdempotentRequest(claims, person.user_id, key, *identity)


def test_a_key_that_was_never_released_is_free_within_a_minute(server, person):
    """As after a kill, or a database that was away when the request failed."""

    class Away(IdempotentRequest):
        def _release(self) -> None: ...

    claimed = claim_of(server.services.claims, person, "k9")
    claimed.__class__ = Away
    with pytest.raises(Interrupted):
        claimed.run(interrupt)
    assert_problem(create(person, "k9"), 409, "request-running")
    age(server, person, "k9", 55)
    server.services.claims.renew()  # No request of this process runs under it.
    assert_problem(create(person, "k9"), 409, "request-running")
    age(server, person, "k9", 5)
    assert create(person, "k9").status_code == 201


def interrupt():
    raise Interrupted


def test_a_request_that_takes_long_keeps_its_key(server, person):
    claims = server.services.claims

    def run():
        for _ in range(3):
            age(server, person, "k10", CLAIM_TIME.total_seconds() - 5)
            claims.renew()
        age(server, person, "k10", CLAIM_TIME.total_seconds() - 5)
        assert_problem(create(person, "k10"), 409, "request-running")
        raise Interrupted

    with pytest.raises(Interrupted):
        claim_of(claims, person, "k10").run(run)
    assert create(person, "k10").status_code == 201


def test_a_request_that_lost_its_key_is_undone(server, person):
    """Its process hung for so long that another one did the work."""
    claims = Claims(server.services.database)
    late = claim_of(claims, person, "k11")
    made = []

    def run():
        age(server, person, "k11", CLAIM_TIME.total_seconds())
        made.append(create(person, "k11").json())
        with claims.database.transaction() as connection:
            late.keep(connection, Answer(201, {}, b"{}"))
        raise AssertionError("it kept what was not its own")

    with pytest.raises(RequestRunning):
        late.run(run)
    assert create(person, "k11").json() == made[0]
    assert person.get("/api/projects").json()["total"] == 1


def test_a_request_that_lost_its_key_takes_nothing_from_its_successor(server, person):
    """The other one is still at work: neither its claim nor its answer may go."""
    claims = server.services.claims
    late, successor = claim_of(claims, person, "k12"), claim_of(claims, person, "k12")
    answer = Answer(201, {}, b"{}")

    def keep(request: IdempotentRequest) -> Answer:
        with claims.database.transaction() as connection:
            request.keep(connection, answer)
        return answer

    def succeed():
        with pytest.raises(RequestRunning):
            keep(late)
        late._release()
        assert_problem(create(person, "k12"), 409, "request-running")
        return keep(successor)

    def run():
        age(server, person, "k12", CLAIM_TIME.total_seconds())
        assert successor.run(succeed) is answer
        raise Interrupted

    with pytest.raises(Interrupted):
        late.run(run)
    assert create(person, "k12").headers["idempotent-replayed"] == "true"
