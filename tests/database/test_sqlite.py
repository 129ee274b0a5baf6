"""Whose turn it is to write to SQLite."""

import os
import sqlite3
import threading
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from projects_api.database import Database
from projects_api.database import sqlite as connections
from projects_api.database.sqlite import BUSY_SECONDS, InTurn, Turn
from tests.support.processes import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def made(path: Path):
    """Make databases of one file, each with connections of its own."""
    databases: list[Database] = []

    def make() -> Database:
        databases.append(Database(f"sqlite:///{path}"))
        return databases[-1]

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def driver(made) -> InTurn:
    """A connection of the driver to an empty database."""
    with made().connect() as connection:
        return InTurn.of(connection)


def test_a_turn_is_handed_over_in_order():
    turn, order, threads = Turn(), [], []
    assert turn.take(0)

    def work(number: int) -> None:
        assert turn.take(30)
        order.append(number)
        turn.give_back()

    for number in range(5):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        wait_until(lambda: len(turn._waiting) == len(threads), "it waits")
    turn.give_back()
    assert turn.take(30)  # Whoever asks again at once is the last one.
    assert order == list(range(5))
    turn.give_back()
    for thread in threads:
        thread.join()


def test_who_waited_too_long_has_no_turn():
    turn = Turn()
    assert turn.take(0)
    assert not turn.take(0.01)
    turn.give_back()
    assert turn.take(0)
    assert not turn._waiting


def test_a_turn_that_comes_while_one_gives_up_is_taken():
    turn, came = Turn(), []
    assert turn.take(0)
    thread = threading.Thread(target=lambda: came.append(turn.take(0.05)))
    thread.start()
    wait_until(lambda: turn._waiting, "it waits")
    with turn._lock:
        threading.Event().wait(0.3)  # It has given up, and cannot leave the line.
        turn._waiting.popleft().release()
    thread.join()
    assert came == [True]
    turn.give_back()
    assert turn.take(0)


def test_who_comes_after_their_time_is_refused_at_once(driver):
    assert driver._turn.take(0)
    with pytest.raises(OperationalError, match="database is locked"):
        driver.begin(writing=True, until=monotonic() - 1)
    assert not driver._turn._waiting
    driver._turn.give_back()
    driver.begin(writing=True, until=monotonic() - 1)  # It need not wait.
    driver.rollback()


def test_a_commit_that_fails_is_undone(driver):
    driver.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    driver.execute(
        "CREATE TABLE children (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
    )
    driver.begin(writing=True)
    driver.execute("INSERT INTO children VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        driver.commit()
    assert not driver.in_transaction  # SQLite itself would wait for the parent.
    driver.begin(writing=True)
    assert driver.execute("SELECT count(*) FROM children").fetchone() == (0,)
    driver.rollback()


def test_one_that_is_closed_keeps_no_turn(driver):
    driver.begin(writing=True)
    driver.close()
    assert driver._turn.take(0)


def test_a_turn_is_given_back_once(made):
    first, second = made(), made()
    with first.connect(writing=True) as mine, second.connect(writing=True) as other:
        mine.begin()
        mine.commit()
        other.begin()
        InTurn.of(mine).rollback()  # as the pool does with each that comes back
        assert InTurn.of(other)._turn._is_taken
        other.rollback()


def test_only_a_lock_is_waited_for(driver):
    tries: list[str] = []
    driver.begin(writing=False)
    driver.set_trace_callback(lambda said: tries.append(said) if "IMMEDIATE" in said else None)
    with pytest.raises(OperationalError, match="within a transaction"):
        driver.begin(writing=True, until=monotonic() + 1)
    assert len(tries) == 1
    assert driver._turn.take(0)


def test_a_file_has_one_line_whatever_it_is_called(made, path: Path, tmp_path: Path):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with made().connect() as connection:
        assert connections._turn_of(str(link)) is InTurn.of(connection)._turn


def test_a_forked_process_does_not_wait_for_turns_of_its_parent(path: Path):
    turn = connections._turn_of(str(path))
    assert turn.take(0)
    if not (child := os.fork()):
        os._exit(0 if connections._turn_of(str(path)).take(0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert connections._turn_of(str(path)) is turn


def test_of_those_that_open_a_new_database_at_once_each_waits(made, path: Path):
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # as in the midst of making it
    threading.Timer(0.3, other.rollback).start()
    with made().connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


def test_all_databases_of_a_file_wait_in_one_line(made, path: Path):
    """Such as those of requests and of jobs, which are one process."""
    first, second, order = made(), made(), []
    with first.transaction() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))

    def write() -> None:
        with second.transaction() as connection:
            connection.execute(text("INSERT INTO numbers VALUES (1)"))
            order.append("second")

    thread = threading.Thread(target=write)
    with first.connect(writing=True) as connection:
        connection.begin()
        turn = InTurn.of(connection)._turn
        thread.start()
        wait_until(lambda: len(turn._waiting) == 1, "it waits")
        connection.commit()
        connection.begin()
        order.append("first")
    thread.join()
    assert order == ["second", "first"]
    assert len({id(InTurn.of(one.connect())._turn) for one in (first, second)}) == 1


def test_while_another_process_writes_it_is_tried_often(made, path: Path):
    """SQLite itself tries again ever more seldom, and misses the moment between two commits."""
    database, tries = made(), []
    with database.connect() as connection:
        driver = InTurn.of(connection)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.rollback).start()
    driver.set_trace_callback(lambda said: tries.append(said) if "IMMEDIATE" in said else None)
    driver.begin(writing=True)
    driver.rollback()
    assert len(tries) > 30
    assert driver.execute("PRAGMA busy_timeout").fetchone() == (BUSY_SECONDS * 1000,)


def test_it_is_not_tried_for_ever(made, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    database = made()
    with database.connect() as connection:
        driver = InTurn.of(connection)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):  # The turn was given back the first time.
        with pytest.raises(OperationalError, match="database is locked"):
            driver.begin(writing=True)
    other.rollback()
    driver.begin(writing=True)
    driver.rollback()
