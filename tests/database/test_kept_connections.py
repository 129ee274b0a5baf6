"""The connections to PostgreSQL that threads keep."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic

import psutil
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from projects_api.database import Database, postgresql
from projects_api.database.limits import Limits
from tests.conftest import new_postgresql
from tests.support.processes import wait_until

PID = text("SELECT pg_backend_pid()")
LIMITS = Limits(connect=5, statement=1, lock=1, silence=5)


@pytest.fixture(name="database")
def kept_by_threads(request):
    database = Database(new_postgresql(request.getfixturevalue("postgresql")), limits=LIMITS)
    yield database
    database.close()


def process_of(database: Database) -> int:
    with database.thread_connection() as connection:
        return connection.scalar(PID)


def end(database: Database, process: int) -> None:
    with database.transaction() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:id, 5000)"), {"id": process})


def test_a_thread_has_one_of_its_own(database):
    together = Barrier(3)

    def twice(_number: int) -> tuple[int, int]:
        together.wait(30)
        first = process_of(database)
        together.wait(30)  # All have one.
        return first, process_of(database)

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(twice, range(3)))
    assert all(first == second for first, second in found)
    assert len({first for first, _ in found}) == 3


def test_it_counts_as_used_while_it_is(database):
    before = database.used_connections
    with database.thread_connection() as connection:
        connection.scalar(PID)
        assert database.used_connections == before + 1
    assert database.used_connections == before


def test_each_statement_sees_what_was_committed_before_it(database):
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE seen (number integer)"))
    count = text("SELECT count(*) FROM seen")
    with database.thread_connection() as kept:
        assert kept.scalar(count) == 0
        with database.transaction() as connection:
            connection.execute(text("INSERT INTO seen VALUES (1)"))
        assert kept.scalar(count) == 1
        state = text("SELECT state, xact_start FROM pg_stat_activity WHERE pid = :id")
        with database.connect() as other:
            assert other.execute(state, {"id": kept.scalar(PID)}).one() == ("idle", None)


def test_one_that_was_lost_meanwhile_is_replaced(database, monkeypatch):
    process = process_of(database)
    end(database, process)
    monkeypatch.setattr(postgresql, "REST_SECONDS", 0.0)
    assert process_of(database) != process
    assert database.used_connections == 0
    with database.thread_connection():
        assert database.used_connections == 1  # The lost one is not taken to be idle.


def test_one_that_became_silent_is_replaced_in_the_time_of_a_connect(request, monkeypatch):
    limits = Limits(connect=1, statement=60, lock=60, silence=60)
    database = Database(new_postgresql(request.getfixturevalue("postgresql")), limits=limits)
    process = process_of(database)
    server = psutil.Process(process)
    server.suspend()
    try:
        monkeypatch.setattr(postgresql, "REST_SECONDS", 0.0)
        began = monotonic()
        assert process_of(database) != process
        assert monotonic() - began < 30
    finally:
        server.resume()
        database.close()


def test_to_try_one_changes_nothing_of_its_limits(database, monkeypatch):
    def most_seconds() -> float:
        with database.thread_connection() as connection:
            return connection.connection.dbapi_connection.most_seconds

    before = most_seconds()
    monkeypatch.setattr(postgresql, "REST_SECONDS", 0.0)
    assert before == most_seconds() == LIMITS.statement + postgresql.LATE_SECONDS


def test_one_that_is_lost_in_use_is_replaced_afterwards(database):
    with database.thread_connection() as connection:
        end(database, connection.scalar(PID))
        with pytest.raises(OperationalError):
            connection.scalar(PID)
    assert process_of(database)
    assert database.used_connections == 0


def test_a_statement_that_took_too_long_spoils_nothing(database):
    process = process_of(database)
    with pytest.raises(DBAPIError), database.thread_connection() as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    assert process_of(database) == process


@pytest.fixture
def numbers(database):
    """Make a table, and return what finds its numbers by a connection of another kind."""
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE numbers (number integer UNIQUE INITIALLY DEFERRED)"))

    def found() -> list[int]:
        with database.connect() as other:
            return sorted(other.scalars(text("SELECT number FROM numbers")))

    return found


def add(connection: Connection, number: int) -> None:
    connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})


def write(database: Database, *numbers: int, last: Callable[[Connection], object] = id) -> None:
    """Add numbers in a transaction, and do something last in it."""
    with database.thread_connection(writing=True) as connection:
        for number in numbers:
            add(connection, number)
        last(connection)


def test_a_write_is_one_transaction(database, numbers):
    seen = []
    write(database, 1, 2, last=lambda _: seen.extend(numbers()))
    assert (seen, numbers()) == ([], [1, 2])
    with database.thread_connection() as connection:
        add(connection, 3)
        assert numbers() == [1, 2, 3]  # Each statement is one again.


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_a_write_that_fails_is_undone(database, numbers, error):
    def fail(_connection: Connection) -> None:
        raise error

    process = process_of(database)
    with pytest.raises(error):
        write(database, 1, last=fail)
    with pytest.raises(DBAPIError):
        write(database, 1, last=lambda connection: connection.scalar(text("SELECT nothing")))
    assert numbers() == []
    write(database, 2)
    assert numbers() == [2]
    assert process_of(database) == process


def test_a_commit_that_fails_is_told(database, numbers):
    with pytest.raises(IntegrityError):
        write(database, 1, 1)
    assert numbers() == []
    with database.thread_connection() as connection:
        add(connection, 2)
    assert numbers() == [2]


def test_a_write_that_loses_its_connection_is_told_and_another_one_taken(database, numbers):
    with pytest.raises(OperationalError):
        write(database, 1, last=lambda connection: end(database, connection.scalar(PID)))
    assert numbers() == []
    write(database, 2)
    assert numbers() == [2]
    assert database.used_connections == 0


def test_all_are_closed_in_the_end(database):
    together = Barrier(2)

    def process_of_one(_number: int) -> int:
        together.wait(30)
        return process_of(database)

    with ThreadPoolExecutor(2) as pool:
        processes = list(pool.map(process_of_one, range(2)))
    database.close()
    other = Database(database.engine.url.render_as_string(hide_password=False))
    there = text(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:ids) AND state IS NOT NULL"
    )
    try:
        with other.connect() as connection:
            # The server notices a moment later.
            wait_until(
                lambda: not connection.scalar(there, {"ids": processes}),
                "they are closed",
                seconds=30,
            )
    finally:
        other.close()
