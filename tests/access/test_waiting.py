"""Requests that wait for a job to end: how long they do, how many may, and what they hold."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import update

from projects_api.access.audit import CALLER
from projects_api.access.waiting import POLL_SECONDS, Waiters
from projects_api.contract.rules import ON_STOP, Call
from projects_api.models import experiment, job, job_lease
from projects_api.models.base import new_id
from projects_api.models.job import jobs
from projects_api.settings import Settings
from tests.conftest import Person, Server, running
from tests.handlers.conftest import assert_problem
from tests.support.processes import wait_until

LONG = 60
"""Seconds that no test here waits for, whatever the machine."""


def count_waiting(server: Server) -> float:
    page = requests.get(f"{server.url}/metrics", timeout=60).text
    lines = (line.rsplit(" ", 1) for line in page.splitlines())
    return next(float(n) for name, n in lines if name == POOL)


POOL = 'projects_api_pool_used{pool="waiting_requests"}'


@pytest.fixture
def owner(server) -> Person:
    return server.person()


@pytest.fixture
def project_id(owner) -> str:
    return owner.create_project()


@pytest.fixture
def job_id(server, owner, project_id) -> str:
    return server.add_job(project_id, owner.user_id)


@pytest.fixture
def aside() -> Iterator[Callable[..., Future]]:
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit


def end(server: Server, job_id: str) -> None:
    with server.services.database.transaction() as connection:
        owner = new_id()
        assert job_lease.claim(
            connection, owner, kinds=["nothing"], lease_seconds=60, job_id=job_id
        )
        assert job_lease.finish(connection, job_id, owner, "succeeded", None)


def wait_for(person: Person, job_id: str, seconds: int = LONG) -> requests.Response:
    # A session of its own: one is not for several threads.
    return requests.get(
        f"{person.server.url}/api/jobs/{job_id}",
        params={"wait": seconds},
        headers={"Authorization": f"Bearer {person.key}"},
        timeout=2 * LONG,
    )


@contextmanager
def silent_wait(person: Person, job_id: str) -> Iterator[socket.socket]:
    """A caller who asks to wait, and reads nothing."""
    at = urlsplit(person.server.url)
    with socket.create_connection((at.hostname, at.port), 60) as caller:
        head = [f"GET /api/jobs/{job_id}?wait={LONG} HTTP/1.1", f"Host: {at.netloc}"]
        caller.sendall("\r\n".join([*head, f"Authorization: Bearer {person.key}", "", ""]).encode())
        yield caller


class TestAnswers:
    def test_when_the_job_ends(self, server, owner, job_id, aside):
        answer = aside(wait_for, owner, job_id)
        wait_until(lambda: count_waiting(server) == 1, "somebody waits")
        assert not answer.done()
        end(server, job_id)
        ended = time.monotonic()
        told = answer.result(LONG / 2)
        assert time.monotonic() - ended < LONG / 2
        assert told.status_code == 200
        assert told.json()["job"]["status"] == "succeeded"
        assert "Retry-After" not in told.headers
        assert count_waiting(server) == 0

    def test_at_the_limit_with_what_is_then(self, owner, job_id):
        begun = time.monotonic()
        told = wait_for(owner, job_id, 1)
        assert time.monotonic() - begun >= 1
        assert told.json()["job"]["status"] == "queued"
        assert told.headers["Retry-After"] == "2"

    def test_at_once_where_it_has_ended(self, server, owner, job_id):
        end(server, job_id)
        told = wait_for(owner, job_id)
        assert told.json()["job"]["status"] == "succeeded"
        assert told.elapsed.total_seconds() < LONG / 2

    def test_at_once_without_it(self, owner, job_id):
        told = owner.get(f"/api/jobs/{job_id}")
        assert (told.json()["job"]["status"], told.headers["Retry-After"]) == ("queued", "2")

    def test_when_an_experiment_ends(self, server, owner, project_id, job_id, aside):
        version_id = owner.upload(project_id).json()["dataset_version_id"]
        experiment_id = server.add_experiment(project_id, version_id)

        def change(status: str) -> None:
            with server.services.database.transaction() as connection:
                experiment.change(connection, experiment_id, status=status, job_id=job_id)

        change("running")
        answer = aside(owner.get, f"/api/experiments/{experiment_id}/status?wait={LONG}")
        wait_until(lambda: count_waiting(server) == 1, "somebody waits")
        change("completed")
        end(server, job_id)
        told = answer.result(LONG / 2)
        assert told.json()["status"] == "completed"
        assert "Retry-After" not in told.headers

    def test_that_it_is_gone_where_its_project_went(self, server, owner, aside):
        project_id = owner.create_project()
        job_id = server.add_job(project_id, owner.user_id)
        answer = aside(wait_for, owner, job_id)
        wait_until(lambda: count_waiting(server) == 1, "somebody waits")
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        assert_problem(answer.result(LONG / 2), 404, "job-not-found")

    @pytest.mark.parametrize("seconds", ["-1", "61", "x", "1.5", ""])
    def test_no_other_seconds(self, owner, job_id, seconds):
        assert_problem(
            owner.get(f"/api/jobs/{job_id}?wait={seconds}"), 422, "contract-violation", "wait"
        )

    def test_not_who_may_not_know(self, server, job_id):
        assert_problem(wait_for(server.person(), job_id), 404, "job-not-found")


class TestHolds:
    def test_neither_thread_nor_connection(self, server, owner, job_id, aside):
        """More wait than there are threads, and everything else goes on."""
        many = 3 * server.settings.threads
        answers = [aside(wait_for, owner, job_id) for _ in range(many)]
        wait_until(lambda: count_waiting(server) == many, "all wait")
        assert owner.upload(owner.create_project()).status_code == 201
        assert owner.get("/api/projects").status_code == 200
        end(server, job_id)
        told = [answer.result(LONG / 2) for answer in answers]
        assert {one.json()["job"]["status"] for one in told} == {"succeeded"}

    def test_nothing_when_its_caller_has_gone(self, server, owner, job_id):
        with silent_wait(owner, job_id):
            wait_until(lambda: count_waiting(server) == 1, "somebody waits")
        wait_until(lambda: count_waiting(server) == 0, "nobody waits")

    def test_up_no_stop(self, tmp_path, aside):
        settings = Settings(
            _env_file=None, database_url=f"sqlite:///{tmp_path / 'a.db'}", data_dir=tmp_path
        )
        server_of = running(settings)
        with server_of as server:
            owner = server.person()
            job_id = server.add_job(owner.create_project(), owner.user_id)
            answer = aside(wait_for, owner, job_id)
            wait_until(lambda: count_waiting(server) == 1, "somebody waits")
            server_of.uvicorn.should_exit = True
            told = answer.result(LONG / 2)
        assert (told.status_code, told.headers["Retry-After"]) == (200, "2")
        assert told.json()["job"]["status"] == "queued"


class Callers:
    """Requests without a server: who asks, and when they go away or the server stops."""

    def __init__(self) -> None:
        self.stop: list[Callable[[], object]] = []

    def call(self, person: str) -> Call:
        return Call({CALLER: person, "extensions": {ON_STOP: self.stop.append}}, self.receive)

    async def receive(self):
        await asyncio.Event().wait()


class TestBounds:
    """Of `Waiters` itself: a thousand connections would be the test of something else."""

    @pytest.fixture
    def waiters(self, server) -> Iterator[Waiters]:
        waiters = Waiters(server.services.database, most=5, most_of_one=3)
        yield waiters
        waiters.close()

    def test_a_person_and_all(self, waiters, job_id):
        async def run() -> None:
            callers = Callers()

            def wait(person: str) -> asyncio.Task[bool]:
                return asyncio.create_task(waiters.wait(callers.call(person), job_id, LONG))

            tasks = [wait("one") for _ in range(3)]
            await asyncio.sleep(0)
            assert await wait("one") is False
            tasks += [wait("two") for _ in range(2)]
            await asyncio.sleep(0)
            assert waiters.count == 5
            assert await wait("three") is False
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            tasks.append(wait("three"))
            await asyncio.sleep(0)
            assert waiters.count == 5
            for tell in callers.stop:
                tell()
            assert await asyncio.gather(*tasks[1:]) == [True] * 5
            assert waiters.count == 0

        asyncio.run(asyncio.wait_for(run(), LONG / 2))

    def test_one_look_for_all(self, waiters, server, owner, project_id, monkeypatch):
        """However many wait for however many jobs, they are looked up together."""
        looks: list[set[str]] = []
        ids = [server.add_job(project_id, owner.user_id) for _ in range(3)]

        def list_open(connection, job_ids):
            looks.append(set(job_ids))
            assert threading.current_thread() is not threading.main_thread()
            return set(job_ids) if len(looks) < 3 else set()

        monkeypatch.setattr(job, "list_open", list_open)

        async def run() -> None:
            callers = Callers()
            waits = [waiters.wait(callers.call(one), one, LONG) for one in ids]
            assert await asyncio.gather(*waits) == [True] * 3

        begun = time.monotonic()
        asyncio.run(asyncio.wait_for(run(), LONG / 2))
        assert looks == [set(ids)] * 3
        assert time.monotonic() - begun >= 3 * POLL_SECONDS

    def test_a_database_that_fails_wakes_them(self, waiters, job_id, monkeypatch):
        def list_open(connection, job_ids):
            raise OSError("the disk is gone")

        monkeypatch.setattr(job, "list_open", list_open)

        async def run() -> None:
            assert await waiters.wait(Callers().call("one"), job_id, LONG)

        asyncio.run(asyncio.wait_for(run(), LONG / 2))


class TestListOpen:
    @pytest.mark.parametrize("status", [*job.OPEN, *job.FINAL])
    def test_by_status(self, server, job_id, status):
        with server.services.database.transaction() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(status=status))
            found = job.list_open(connection, [job_id, new_id()])
        assert found == ({job_id} if status in {"queued", "running"} else set())

    def test_as_many_as_may_wait(self, server, job_id):
        asked = [job_id, *(new_id() for _ in range(999))]
        with server.services.database.transaction(writing=False) as connection:
            assert job.list_open(connection, asked) == {job_id}
