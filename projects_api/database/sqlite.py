"""Connections to SQLite, of which one at a time writes, and whose turn it is."""

import os
import sqlite3
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from projects_api import driver_faults

BUSY_SECONDS = 30
RETRY_SECONDS = 0.01
CACHE = "cache_size=-8000"
"""Kibibytes of pages that a connection keeps: what it reads for ten thousand projects."""
POLL_SECONDS = 0.0005
"""Between two tries to begin while another process writes."""


def create(url: URL, options: Mapping[str, Any]) -> Engine:
    """Make the engine; `options` are those of its pool."""
    path = url.database
    if path:
        Path(path).absolute().parent.mkdir(0o700, parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "factory": partial(InTurn, _turn_of(path))},
        **options,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


class Turn:
    """A lock that is handed over in the order in which it was asked for.

    With a plain one, whoever gives it back and asks again at once gets it again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for it for so long; tell whether it came."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            called = Lock()
            called.acquire()
            self._waiting.append(called)
        if called.acquire(timeout=seconds):
            return True
        with self._lock:
            if called not in self._waiting:
                return True  # It came in the very moment.
            self._waiting.remove(called)
            return False

    def give_back(self) -> None:
        """Let the next one have it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


_turns: WeakValueDictionary[tuple[int, str], Turn] = WeakValueDictionary()
"""Of each file and process; a forked one does not go on with the turns of its parent."""
_turns_lock = Lock()


def _turn_of(path: str | None) -> Turn:
    """Return the turn that engines of one file share in a process; in memory, each has its own."""
    if not path:
        return Turn()
    with _turns_lock:
        key = (os.getpid(), os.path.realpath(path))
        turn = _turns.get(key)
        if turn is None:
            turn = _turns[key] = Turn()
        return turn


def translated(error: Exception, statement: str) -> DBAPIError:
    """Make SQLAlchemy's error of one of the driver, from a call that SQLAlchemy did not see."""
    return driver_faults.translated(sqlite3.Error, error, statement)


class InTurn(sqlite3.Connection):
    """A connection that waits in line to write.

    SQLite lets one connection write, and lets the others try again after ever longer sleeps, up to
    0.1 s: where one writes without a pause, another one hardly ever meets the moment between two
    commits. In a process, where most of the others are, a lock wakes the next one; of several
    processes, each has one that tries, often.
    """

    def __init__(self, turn: Turn, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._turn = turn
        self._has_turn = False

    @staticmethod
    def of(connection: Connection) -> "InTurn":
        """Return the driver's connection behind one of SQLAlchemy."""
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, InTurn)
        return driver

    def begin(self, *, writing: bool, until: float | None = None) -> None:
        """Begin a transaction, and with it the turn where it writes.

        It is waited for until a moment of `monotonic`, or for BUSY_SECONDS.
        """
        try:
            if writing:
                self._begin_to_write(monotonic() + BUSY_SECONDS if until is None else until)
            else:
                self.execute("BEGIN")
        except BaseException as error:
            self._end_turn()
            if isinstance(error, sqlite3.Error):
                raise translated(error, "BEGIN") from error
            raise

    def commit(self) -> None:
        """Commit; then it is the next one's turn, whatever happens."""
        try:
            super().commit()
        finally:
            # For SQLAlchemy, a transaction has ended even where its commit failed.
            self.rollback()

    def rollback(self) -> None:
        """Roll back; then it is the next one's turn, whatever happens."""
        try:
            super().rollback()
        finally:
            self._end_turn()

    def close(self) -> None:
        """Close, and keep no turn."""
        try:
            super().close()
        finally:
            self._end_turn()

    def _begin_to_write(self, deadline: float) -> None:
        self._has_turn = self._turn.take(max(0.0, deadline - monotonic()))
        if not self._has_turn:
            raise sqlite3.OperationalError("database is locked")
        self.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._tries_to_begin(deadline):
                sleep(POLL_SECONDS)
        finally:
            self.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")

    def _tries_to_begin(self, deadline: float) -> bool:
        try:
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            return False
        return True

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turn.give_back()


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would begin transactions at moments of its own choice.
    connection.isolation_level = None
    _set_journal_mode(connection)
    for pragma in ("foreign_keys=ON", "synchronous=FULL", CACHE):
        connection.execute(f"PRAGMA {pragma}")


def _set_journal_mode(connection: sqlite3.Connection) -> None:
    """Have a write-ahead log. Of those that open a new database at once, SQLite lets none wait."""
    deadline = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
            sleep(RETRY_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("kept"):
        # The driver's own call: SQLAlchemy's would cost as much as a query.
        InTurn.of(connection).begin(writing=options.get("writing", False))
