"""Statements that the driver prepares, and changes that wait to be sent with the next one."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, OperationalError

from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.database.pipeline import PipelinedConnection
from projects_api.database.schema import upgrade
from projects_api.models import project, user
from projects_api.models.base import now
from projects_api.models.statements import DriverStatement, parameters_of
from projects_api.models.user import users
from tests.conftest import new_postgresql

LIMITS = Limits(connect=5, statement=2, lock=1, silence=5)
ADD = DriverStatement(insert(users).values(parameters_of(users.c.keys())))
FIND = DriverStatement(select(users.c.id).where(users.c.email == bindparam("email")))
PID = text("SELECT pg_backend_pid()")
COUNT = text("SELECT count(*) FROM users")


@pytest.fixture(name="database")
def migrated(request) -> Iterator[Database]:
    database = Database(new_postgresql(request.getfixturevalue("postgresql")), limits=LIMITS)
    upgrade(database)
    yield database
    database.close()


def add(connection: Connection, number: int) -> None:
    """Add a person, later."""
    ADD.execute_later(
        connection,
        id=f"0195d3a0-0000-7000-8000-{number:012d}",
        email=f"{number}@example.com",
        name="Somebody",
        created_at=now(),
        deactivated_at=None,
        own_quota_bytes=None,
    )


def driver_of(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def write(database: Database, change: Callable[[Connection], object]) -> Any:
    """Make a change in a transaction, and return the driver's connection that it had."""
    with database.thread_connection(writing=True) as connection:
        driver = driver_of(connection)
        change(connection)
    return driver


def kept(database: Database) -> int:
    with database.connect() as connection:
        return connection.scalar(COUNT)


@contextmanager
def journeys() -> Iterator[list[None]]:
    """Note each wait for the server."""
    waits: list[None] = []
    wait = PipelinedConnection.wait

    def noted(*arguments: Any, **options: Any) -> Any:
        waits.append(None)
        return wait(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PipelinedConnection, "wait", noted)
        yield waits


class TestValues:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("VARCHAR", "plain"),
            ("VARCHAR", "100 % of 'it' \\ \"№\" \U0001f600 %(name)s $1"),
            ("VARCHAR", ""),
            ("VARCHAR", None),
            ("INTEGER", 2**31 - 1),
            ("BIGINT", -(2**63)),
            ("BIGINT", 0),
            ("DOUBLE PRECISION", 0.1 + 0.2),
            ("DOUBLE PRECISION", float("inf")),
            ("BOOLEAN", True),
            ("BYTEA", b"\x00\xff\\'"),
            ("UUID", "0195d3a0-0000-7000-8000-000000000000"),
            ("TIMESTAMP WITH TIME ZONE", "2026-11-30 12:00:00.5+00"),
            ("JSONB", json.dumps({"a": [1, None, "ü"]})),
            ("VARCHAR[]", ["a,b", 'c"d', "NULL"]),
        ],
    )
    def test_they_are_those_of_the_drivers_own_cursor(self, database, kind, value):
        statement = f"SELECT %(value)s::{kind} AS same, 100 %% 7 AS rest, %(value)s::{kind}"
        with database.thread_connection() as connection:
            driver = driver_of(connection)
            with driver.cursor() as cursor:
                expected = cursor.execute(statement, {"value": value}).fetchall()
                names = [(one.name, one.type_code) for one in cursor.description]
            for _ in range(3):
                found = driver.execute(statement, {"value": value})
                assert (found.fetchall(), found.description) == (expected, names)
        assert expected[0][1] == 2

    def test_no_row_and_many(self, database):
        with database.thread_connection() as connection:
            many = driver_of(connection).execute(
                "SELECT * FROM generate_series(1, %(last)s::INTEGER)", {"last": 5000}
            )
            assert many.fetchall() == [(one,) for one in range(1, 5001)]
            assert (many.fetchmany(2), many.rowcount) == ([(1,), (2,)], 5000)
            none = driver_of(connection).execute("SELECT 1 WHERE %(no)s::BOOLEAN", {"no": False})
            assert (none.fetchall(), none.fetchmany(1), none.rowcount) == ([], [], 0)


class TestJourneys:
    def test_a_project_is_made_in_one(self, database):
        def make(name: str) -> str:
            with database.thread_connection(writing=True) as connection:
                made = project.create(connection, owner, name=name, description="")
            return made["id"]

        with database.transaction() as connection:
            owner = user.create(connection, email="x@example.com", name="X")
        make("first")  # which prepares
        with journeys() as waits:
            made = make("second")
        assert len(waits) == 1
        with database.connect() as connection:
            assert project.find_for_member(connection, made, owner)[1] == "owner"

    def test_what_waits_goes_with_the_next_question(self, database):
        with database.transaction() as connection:
            add(connection, 1)
        for number in (2, 3):
            with journeys() as waits, database.thread_connection(writing=True) as connection:
                add(connection, number)
                assert FIND.first(connection, email=f"{number}@example.com")
        assert len(waits) == 2  # the question, with all that waited, and the commit
        assert kept(database) == 3

    def test_a_transaction_of_nothing_takes_none(self, database):
        with database.thread_connection(writing=True) as connection:
            add(connection, 1)
        with journeys() as waits, database.thread_connection(writing=True):
            pass
        assert waits == []

    def test_much_is_sent_while_much_is_answered(self, database):
        """More than the sockets hold on the way, in both directions."""
        echo = "SELECT %(text)s::VARCHAR"
        with database.thread_connection(writing=True) as connection:
            driver = driver_of(connection)
            for _ in range(8):
                driver.execute_later(echo, {"text": "x" * 4_000_000})
            assert driver.execute(echo, {"text": "last"}).fetchall() == [("last",)]


class TestOrder:
    def test_any_other_statement_sees_what_waited(self, database):
        with database.thread_connection(writing=True) as connection:
            add(connection, 1)
            assert connection.scalar(COUNT) == 1
            add(connection, 2)
            add(connection, 3)
            assert connection.scalar(COUNT) == 3
            assert kept(database) == 0
        assert kept(database) == 3

    def test_a_savepoint_takes_what_waits_in_it_along(self, database):
        with database.thread_connection(writing=True) as connection:
            add(connection, 1)
            savepoint = connection.begin_nested()
            add(connection, 2)
            savepoint.rollback()
            with pytest.raises(IntegrityError), connection.begin_nested():
                add(connection, 1)
            with connection.begin_nested():
                add(connection, 3)
        with database.connect() as connection:
            found = connection.scalars(text("SELECT email FROM users ORDER BY 1"))
            assert list(found) == ["1@example.com", "3@example.com"]

    def test_outside_of_a_transaction_nothing_waits(self, database):
        def fail_at_once(_connection: Connection) -> None:
            raise LookupError

        write(database, partial(add, number=1))
        with pytest.raises(LookupError):
            write(database, fail_at_once)
        with database.thread_connection() as connection:
            add(connection, 2)
            assert kept(database) == 2
            assert driver_of(connection).is_idle
        with database.transaction() as connection:
            add(connection, 3)
        assert kept(database) == 3


class TestFaults:
    @pytest.mark.parametrize(
        "last",
        [
            pytest.param(lambda _: None, id="commit"),
            pytest.param(lambda connection: add(connection, 9), id="a change"),
            pytest.param(lambda connection: FIND.first(connection, email="x"), id="a question"),
            pytest.param(lambda connection: connection.scalar(COUNT), id="SQLAlchemy's"),
        ],
    )
    def test_it_is_raised_with_what_comes_next_and_all_is_undone(self, database, last):
        def fail(connection: Connection) -> None:
            for number in (2, 1, 3):
                add(connection, number)
            last(connection)

        before = write(database, partial(add, number=1))
        with pytest.raises(IntegrityError, match="users"):
            write(database, fail)
        assert kept(database) == 1
        assert write(database, partial(add, number=4)) is before
        assert kept(database) == 2

    def test_one_that_was_passed_over_is_told(self, database):
        def pass_over(connection: Connection) -> None:
            add(connection, 1)
            with pytest.raises(DBAPIError):
                connection.scalar(text("SELECT nothing"))

        with pytest.raises(InternalError, match="passed over"):
            write(database, pass_over)
        assert kept(database) == 0

    def test_a_lost_connection_is_told_and_replaced(self, database):
        def lose(connection: Connection) -> None:
            process = connection.scalar(PID)
            add(connection, 1)
            with database.transaction() as other:
                other.execute(text(f"SELECT pg_terminate_backend({process}, 5000)"))

        with pytest.raises(OperationalError):
            write(database, lose)
        assert kept(database) == 0
        write(database, partial(add, number=1))
        assert kept(database) == 1

    def test_a_lock_is_waited_for_so_long(self, database):
        with database.transaction() as connection:
            add(connection, 1)
            with (
                pytest.raises(OperationalError, match="lock"),
                database.thread_connection(writing=True) as other,
            ):
                add(other, 1)
        with database.thread_connection(writing=True) as other:
            add(other, 2)
        assert kept(database) == 2

    def test_a_rollback_leaves_what_is_prepared(self, database):
        """psycopg would forget all that is prepared, once it has prepared something itself."""

        def fail(connection: Connection) -> None:
            FIND.first(connection, email="x")
            for _ in range(10):
                connection.scalar(COUNT)
            with connection.begin_nested() as savepoint:
                savepoint.rollback()
            FIND.first(connection, email="x")
            raise LookupError

        with database.connect() as pooled:  # which will be the thread's
            for _ in range(10):
                pooled.scalar(COUNT)
        before = write(database, partial(add, number=1))
        with pytest.raises(LookupError):
            write(database, fail)
        assert write(database, partial(add, number=2)) is before
        with database.thread_connection() as connection:
            assert FIND.first(connection, email="2@example.com")

    def test_a_table_that_became_another_one_is_met_anew(self, database):
        def alter(kind: str) -> None:
            with database.transaction() as other:
                other.execute(text(f"ALTER TABLE users ALTER name TYPE {kind}"))

        names = DriverStatement(select(users.c.name).where(users.c.email == bindparam("email")))

        def ask(connection: Connection) -> list[dict[str, str]]:
            return names.all(connection, email="1@example.com")

        write(database, partial(add, number=1))
        with database.thread_connection() as connection:
            for kind in ("text", "varchar(100)"):
                assert ask(connection) == [{"name": "Somebody"}]
                alter(kind)
            assert ask(connection) == [{"name": "Somebody"}]
        alter("text")
        with pytest.raises(OperationalError, match="cached plan"):
            write(database, ask)
        write(database, ask)

    def test_a_commit_that_was_answered_is_done_though_its_connection_is_lost(self, database):
        """The server is told to end it while it waits before it commits."""
        slowly = text(
            "SELECT set_config(name, value, true) FROM (VALUES ('commit_delay', '99999'),"
            " ('commit_siblings', '0')) AS given (name, value)"
        )
        done = []

        def end(process: int) -> None:
            time.sleep(0.04)
            with database.transaction() as other:
                other.execute(text(f"SELECT pg_terminate_backend({process})"))

        with ThreadPoolExecutor(1) as pool:
            for number in range(5):

                def change(connection: Connection, number: int = number) -> None:
                    connection.execute(slowly)
                    pool.submit(end, connection.scalar(PID))
                    add(connection, number)

                with suppress(OperationalError):
                    write(database, change)
                    done.append(f"{number}@example.com")
        with database.connect() as connection:
            found = connection.scalars(text("SELECT email FROM users ORDER BY email"))
            assert list(found) == done
        assert done

    def test_a_database_that_takes_no_changes_is_told_as_one_that_passes(self, database):
        name = database.engine.url.database
        with database.transaction() as connection:
            connection.execute(
                text(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            )
        read_only = Database(database.engine.url.render_as_string(hide_password=False))
        with pytest.raises(OperationalError, match="read-only"):
            write(read_only, partial(add, number=1))
        with pytest.raises(OperationalError, match="read-only"), read_only.transaction() as other:
            other.execute(text("DELETE FROM users"))
        read_only.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(database, encoding):
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                f"CREATE DATABASE in_{encoding} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"
            )
        )
    url = database.engine.url.set(database=f"in_{encoding}".lower())
    other = Database(url.render_as_string(hide_password=False))
    with pytest.raises(OperationalError, match=f"encoding {encoding}.*ENCODING 'UTF8'"):
        other.check()
    other.close()


def test_a_server_that_says_nothing_is_left(database):
    silent = Database(
        database.engine.url.render_as_string(hide_password=False),
        limits=Limits(connect=5, statement=0.1, lock=0.1, silence=60),
    )
    stopped = []

    def stop(connection: Connection) -> None:
        stopped.append(connection.scalar(PID))
        os.kill(stopped[0], signal.SIGSTOP)
        add(connection, 1)

    try:
        with pytest.raises(OperationalError):
            write(silent, stop)
        with silent.thread_connection() as connection:
            assert connection.scalar(PID) not in stopped
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)
        silent.close()
    assert kept(database) == 0
