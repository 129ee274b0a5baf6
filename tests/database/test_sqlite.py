"""Whose turn it is to write to SQLite."""

import sqlite3
import threading
from pathlib import Path

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
