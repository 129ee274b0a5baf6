"""Group commit: requests that change SQLite run one after another, several to a commit.

SQLite lets one write at a time, so that one thread for all of them loses nothing. What it wins is
more than half of a small change: a transaction of its own, pages that each commit writes anew, the
wait for the disk, all of that is shared by the requests that wait anyway. One that fails is undone
alone, and none is answered before it is on the disk.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from projects_api.database import Database, sqlite
from projects_api.database.sqlite import InTurn, translated
from projects_api.threads import Line, WorkItem, start, tell

if TYPE_CHECKING:
    import threading

MOST = 16
"""Requests of a commit; with twice as many, none takes less time."""
SECONDS = 0.02
"""After this, a transaction takes in no more."""
Argument = TypeVar("Argument")
Result = TypeVar("Result")


class GroupCommit:
    """The thread of a process that changes SQLite for requests, and the line before it."""

    most = MOST

    def __init__(self, database: Database) -> None:
        self.going_on = 0
        """Requests of the present commit."""
        self._transaction = SharedTransaction(database)
        self.part = self._transaction.part
        self._line = Line()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Count the requests in line."""
        return len(self._line)

    async def run(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Do work that takes its connection from `part`; return once that is committed."""
        if self._thread is None:
            self._thread = start(self._serve, "writer")
        result: Result = await self._line.put(partial(work, argument)).answer
        return result

    def close(self) -> None:
        """Do what is in line, then no more."""
        self._line.close()
        if self._thread:
            self._thread.join()
        self._transaction.close()

    def _serve(self) -> None:
        for first in self._line:
            done = list(self._do_together(first))
            try:
                self._transaction.commit()
            except Exception as fault:  # noqa: BLE001 - nobody would begin the thread again
                for item in done:
                    item.fail(fault)
            self.going_on = 0
            tell(done)

    def _do_together(self, first: WorkItem) -> Iterator[WorkItem]:
        following: WorkItem | None = first
        until = monotonic() + SECONDS
        while following:
            self.going_on += 1
            self._transaction.patience = following.since + sqlite.BUSY_SECONDS
            following.do()
            yield following
            is_full = self.going_on >= self.most or monotonic() > until
            following = None if is_full or self._transaction.is_over else self._line.next()


class SharedTransaction:
    """A transaction of SQLite for the changes of several requests; used by one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._is_within = False
        self._has_changes = False
        self._refusal: DBAPIError | None = None
        """Why it could not begin, or went on no more."""
        self.patience: float | None = None
        """The moment of `monotonic` until which its beginning is waited for."""

    @property
    def is_over(self) -> bool:
        """Whether nothing can be added: it could not begin, or SQLite has undone all of it.

        SQLite does so by itself at some faults, as at a full disk.
        """
        return bool(self._refusal) or (self._has_changes and not self._driver().in_transaction)

    @contextmanager
    def part(self) -> Iterator[Connection]:
        """Lend the connection to a block, which an error undoes; a block within one is part of it.

        Raises `DBAPIError` where the transaction is over.
        """
        driver = self._driver()
        assert self._connection
        if self._is_within:
            yield self._connection
            return
        is_first = not self._has_changes
        if is_first:
            self._begin(driver)
        else:
            _say(driver, "SAVEPOINT part")
        self._is_within = True
        try:
            yield self._connection
            _check(driver)
            if not is_first:
                _say(driver, "RELEASE part")
        except BaseException as error:
            if is_first or not driver.in_transaction:
                driver.rollback()
                if not is_first and isinstance(error, OperationalError):
                    self._refusal = error  # by which the others lost theirs, too
            else:
                _say(driver, "ROLLBACK TO part")
                _say(driver, "RELEASE part")
            raise
        finally:
            self._is_within = False
        self._has_changes = True

    def commit(self) -> None:
        """Commit what all blocks changed; raises `DBAPIError` where it was or is lost."""
        driver = self._driver()
        refusal, self._refusal = self._refusal, None
        has_changes, self._has_changes = self._has_changes, False
        if refusal:
            raise refusal
        if not has_changes:
            return
        _check(driver)
        try:
            driver.commit()
        except sqlite3.Error as error:
            raise translated(error, "COMMIT") from error

    def close(self) -> None:
        """Give the connection back."""
        if self._connection:
            self._connection.close()

    def _driver(self) -> InTurn:
        if self._connection is None:
            self._connection = self._database.keep_connection()
        return InTurn.of(self._connection)

    def _begin(self, driver: InTurn) -> None:
        try:
            driver.begin(writing=True, until=self.patience)
        except DBAPIError as error:
            self._refusal = error
            raise


def _check(driver: InTurn) -> None:
    if not driver.in_transaction:
        error = sqlite3.OperationalError("the transaction was ended by a fault")
        raise translated(error, "COMMIT")


def _say(driver: InTurn, statement: str) -> None:
    try:
        driver.execute(statement)
    except sqlite3.Error as error:
        raise translated(error, statement) from error
