"""Readiness is told in seconds, whatever hangs, and once for all who ask meanwhile."""

import asyncio
import socket
import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest

from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.storage.readiness import Readiness, SharedAnswer
from projects_api.storage.store import ArtifactStore
from tests.support.processes import PATIENCE, wait_until


def waiting(name: str) -> int:
    """Count the checks of a name that wait for an answer."""
    return sum(thread.name == name for thread in threading.enumerate())


@contextmanager
def locked_sqlite(folder):
    """A database that somebody else writes to, so that a check waits half a minute."""
    path = folder / "locked.db"
    database = Database(f"sqlite:///{path}")
    database.check()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield database
    database.close()


@contextmanager
def silent_postgresql(_folder):
    """A server that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://nobody@127.0.0.1:{port}/nothing?sslmode=disable"
        database = Database(url, limits=Limits(connect=10))  # more than two checks take
        yield database
    database.close()


@pytest.mark.parametrize("make", [locked_sqlite, silent_postgresql])
def test_a_database_that_hangs_is_named_and_not_asked_twice(tmp_path, make):
    store = ArtifactStore(str(tmp_path / "store"))
    with make(tmp_path) as database:
        readiness = Readiness(database, store)
        for _ in range(2):
            assert readiness.missing() == ["the database"]
            # It was told while the check still waits.
            assert waiting("database_unavailable") == 1
            assert waiting("artifact_store_unavailable") == 0
    wait_until(lambda: waiting("database_unavailable") == 0, "the check ends")


def test_it_is_ready_once_the_check_succeeds(tmp_path):
    store = ArtifactStore(str(tmp_path / "store"))
    with locked_sqlite(tmp_path) as database:
        readiness = Readiness(database, store)
        assert readiness.missing() == ["the database"]
    wait_until(lambda: waiting("database_unavailable") == 0, "the check ends")
    assert readiness.missing() == []


class Slow:
    """Makes answers that take until they are let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Semaphore(0), threading.Semaphore(0)
        self.made = 0
        self.error: Exception | None = None

    def make(self) -> int:
        self.begun.release()
        assert self.let_go.acquire(timeout=PATIENCE)
        self.made += 1
        if self.error:
            raise self.error
        return self.made

    async def is_begun(self) -> None:
        await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)


class TestSharedAnswer:
    @pytest.fixture
    def slow(self):
        return Slow()

    @pytest.fixture
    def shared(self, slow):
        shared = SharedAnswer()
        yield shared
        slow.let_go.release(100)  # whatever still waits
        shared.close()

    def ask(self, shared: SharedAnswer, slow: Slow, many: int) -> list[asyncio.Task]:
        return [asyncio.create_task(shared.get("ready", slow.make)) for _ in range(many)]

    def test_is_made_once_for_all_who_ask_meanwhile(self, shared, slow):
        async def story() -> None:
            (first,) = self.ask(shared, slow, 1)
            await slow.is_begun()
            others = self.ask(shared, slow, 20)
            slow.let_go.release()
            assert await asyncio.gather(first, *others) == [1] * 21
            slow.let_go.release()
            assert await asyncio.gather(*self.ask(shared, slow, 3)) == [2] * 3

        asyncio.run(asyncio.wait_for(story(), PATIENCE))

    def test_is_made_for_the_others_when_the_first_one_leaves(self, shared, slow):
        async def story() -> None:
            first, *others = self.ask(shared, slow, 3)
            await slow.is_begun()
            first.cancel()
            await asyncio.wait([first])
            slow.let_go.release()
            assert await asyncio.gather(*others) == [1, 1]

        asyncio.run(asyncio.wait_for(story(), PATIENCE))

    def test_an_error_is_everybodys_and_not_kept(self, shared, slow):
        async def story() -> None:
            slow.error = ValueError("not now")
            asked = self.ask(shared, slow, 2)
            slow.let_go.release()
            errors = await asyncio.gather(*asked, return_exceptions=True)
            assert errors == [slow.error] * 2
            slow.error = None
            slow.let_go.release()
            assert await shared.get("ready", slow.make) == 2

        asyncio.run(asyncio.wait_for(story(), PATIENCE))

    def test_the_event_loop_goes_on(self, shared, slow):
        async def story() -> None:
            (asked,) = self.ask(shared, slow, 1)
            await slow.is_begun()
            await asyncio.sleep(0)
            assert not asked.done()
            slow.let_go.release()
            await asked

        asyncio.run(asyncio.wait_for(story(), PATIENCE))
