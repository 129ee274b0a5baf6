"""Safe repetition of POST by `Idempotency-Key`."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import requests
from sqlalchemy import update

from projects_api.access.idempotency import IdempotentRequest
from projects_api.models import user
from projects_api.models.base import to_text
from projects_api.models.stored_answer import stored_answers
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
    database, path = server.services.database, "/api/projects"
    identity = ("create_project", path, sha256(raw).hexdigest())
    running = IdempotentRequest(database, person.user_id, "k7", *identity)
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
