"""Requests that change SQLite share commits, and nothing else: none knows of another's fault."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from projects_api.database import Database, sqlite
from projects_api.database.group_commit import MOST, GroupCommit
from projects_api.driver_faults import DiskFull
from tests.support.flushing import outcomes_on_deaf_disk

Outcomes = list[object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def group(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupCommit]:
    """A group commit over a table of numbers, whose lock is waited for only shortly."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.5)
    database = Database(f"sqlite:///{path}")
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER, filling BLOB)"))
    group = GroupCommit(database)
    yield group
    group.close()
    database.close()


def numbers(path: Path) -> list[int]:
    """Return what another connection, as after a crash, finds on the disk."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
    connection.close()
    return [number for (number,) in found]


def commits(group: GroupCommit) -> list[str]:
    """Return the list to which every following COMMIT of a group is added."""
    told: list[str] = []

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            told.append(statement)

    group._transaction._driver().set_trace_callback(trace)
    return told


class Works:
    """Works that add numbers; the first of them waits until the others are in line."""

    def __init__(self, group: GroupCommit) -> None:
        self.group = group
        self.all_in_line = threading.Event()

    def add(self, number: int, filling: int = 0) -> int:
        with self.group.part() as connection:
            insert = text("INSERT INTO numbers VALUES (:number, zeroblob(:filling))")
            connection.execute(insert, {"number": number, "filling": filling})
        return number

    def add_and_fail(self, number: int) -> int:
        with self.group.part():
            self.add(number)
            raise LookupError(number)

    def wait(self, _argument: object) -> None:
        self.all_in_line.wait(10)

    def together(self, *works: tuple[Callable[[int], object], int]) -> Outcomes:
        """Put works in line before any of them begins; return their answers and errors."""

        async def run() -> Outcomes:
            first = asyncio.create_task(self.group.run(self.wait, None))
            tasks = [asyncio.create_task(self.group.run(*work)) for work in works]
            await asyncio.sleep(0)  # Each is in line after its first step.
            self.all_in_line.set()
            outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
            return outcomes[1:]

        return asyncio.run(run())


@pytest.fixture
def works(group: GroupCommit) -> Works:
    return Works(group)


def test_those_in_line_share_a_commit(path: Path, group: GroupCommit, works: Works):
    told = commits(group)
    assert works.together(*((works.add, number) for number in range(10))) == list(range(10))
    assert numbers(path) == list(range(10))
    assert len(told) == 1


def test_a_commit_has_sixteen_at_most(path: Path, group: GroupCommit, works: Works):
    told = commits(group)
    works.together(*((works.add, number) for number in range(2 * MOST)))
    assert numbers(path) == list(range(2 * MOST))
    assert len(told) == 3  # The one that waited was the first of them.


def test_nobody_is_answered_before_the_commit(path: Path, group: GroupCommit, works: Works):
    found = []

    async def run(number: int) -> None:
        await group.run(works.add, number)
        found.append(number in numbers(path))

    async def all_of_them() -> None:
        await asyncio.gather(*map(run, range(40)))

    asyncio.run(all_of_them())
    assert found == [True] * 40


@pytest.mark.parametrize("failing", [{0}, {1}, {3}, {0, 1}, {1, 2}, {0, 1, 2, 3}])
def test_one_that_fails_is_undone_alone(
    path: Path, group: GroupCommit, works: Works, failing: set[int]
):
    outcomes = works.together(
        *((works.add_and_fail if n in failing else works.add, n) for n in range(4))
    )
    assert {n for n in range(4) if isinstance(outcomes[n], LookupError)} == failing
    assert numbers(path) == sorted(set(range(4)) - failing)
    assert works.together((works.add, 9)) == [9]


def with_little_room(group: GroupCommit) -> sqlite3.Connection:
    """Let a group's database grow by four pages; return the driver's connection."""
    driver = group._transaction._driver()
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count={pages + 4}")
    return driver


def test_of_a_full_disk_all_who_share_the_commit_are_told_and_none_is_kept(
    path: Path, group: GroupCommit, works: Works
):
    driver = with_little_room(group)

    def add_much(number: int) -> int:
        return works.add(number, filling=1_000_000)

    failing = (works.add_and_fail, 2)  # which keeps to its own error
    outcomes = works.together((works.add, 1), failing, (add_much, 3), (works.add, 4))
    assert [type(outcome) for outcome in outcomes[:3]] == [DiskFull, LookupError, DiskFull]
    assert outcomes[3:] == [4]  # It is in the next transaction.
    assert numbers(path) == [4]
    driver.execute("PRAGMA max_page_count=1000000")
    assert works.together((works.add, 5), (add_much, 6)) == [5, 6]
    assert_turn_is_free(group)


def assert_turn_is_free(group: GroupCommit) -> None:
    with group._transaction._database.transaction() as connection:
        connection.execute(text("DELETE FROM numbers"))


def test_a_fault_that_a_work_keeps_to_itself_loses_nothing(
    path: Path, group: GroupCommit, works: Works
):
    """SQLite has undone all of it, whatever the work goes on to answer."""
    with_little_room(group)

    def add_in_silence(number: int) -> int:
        with group.part():
            try:
                works.add(number, filling=1_000_000)
            except OperationalError:
                return number
        raise AssertionError("it had room")

    for before in ([], [(works.add, 1)]):
        outcomes = works.together(*before, (add_in_silence, 2))
        assert {type(outcome) for outcome in outcomes} == {OperationalError}
        assert numbers(path) == []
    assert_turn_is_free(group)


def test_a_lock_that_nobody_gives_back_is_waited_for_once(
    path: Path, group: GroupCommit, works: Works
):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = monotonic()
    outcomes = works.together(*((works.add, number) for number in range(40)))
    assert {type(outcome) for outcome in outcomes} == {OperationalError}
    assert monotonic() - began < 5  # and not forty times half a second
    other.execute("ROLLBACK")
    assert works.together((works.add, 1)) == [1]


def test_each_has_a_patience_of_its_own(
    path: Path, group: GroupCommit, works: Works, monkeypatch: pytest.MonkeyPatch
):
    group._transaction._driver()  # which would take some of the time
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 1.0)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    async def run() -> Outcomes:
        threading.Timer(1.9, other.rollback).start()
        early = [asyncio.create_task(group.run(works.add, number)) for number in range(3)]
        await asyncio.sleep(1.5)
        late = [asyncio.create_task(group.run(works.add, number)) for number in range(3, 6)]
        return await asyncio.gather(*early, *late, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert {type(outcome) for outcome in outcomes[:3]} == {OperationalError}
    assert outcomes[3:] == numbers(path) == [3, 4, 5]


def test_what_takes_long_is_committed_before_others_begin(
    path: Path, group: GroupCommit, works: Works
):
    found = []

    def add_slowly(number: int) -> None:
        with group.part():
            works.add(number)
            threading.Event().wait(0.1)

    def look(_number: int) -> None:
        found.extend(numbers(path))

    works.together((add_slowly, 1), (look, 0))
    assert found == [1]


def test_a_disk_that_confirms_nothing_answers_nobody(tmp_path: Path):
    assert outcomes_on_deaf_disk(tmp_path)["group commit"] == "OperationalError"


def test_what_is_in_line_is_done_before_the_end(path: Path, group: GroupCommit, works: Works):
    async def run() -> Outcomes:
        first = asyncio.create_task(group.run(works.wait, None))
        tasks = [asyncio.create_task(group.run(works.add, number)) for number in range(30)]
        await asyncio.sleep(0)  # Each is in line after its first step.
        threading.Timer(0.1, works.all_in_line.set).start()
        await asyncio.to_thread(group.close)
        await first
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == list(range(30))
    assert numbers(path) == list(range(30))


def test_whoever_has_gone_changes_nothing(path: Path, group: GroupCommit, works: Works):
    async def run() -> None:
        first = asyncio.create_task(group.run(works.wait, None))
        gone = asyncio.create_task(group.run(works.add, 1))
        await asyncio.sleep(0)  # Each is in line after its first step.
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        works.all_in_line.set()
        await first

    asyncio.run(run())
    assert numbers(path) == []


def test_its_connection_waits_for_the_disk(group: GroupCommit):
    with group.part() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
