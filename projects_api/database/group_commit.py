"""Group commit: requests that change SQLite run one after another, several to a commit.

SQLite lets one write at a time, so that one thread for all of them loses nothing. What it wins is
more than half of a small change: a transaction of its own, pages that each commit writes anew, the
wait for the disk, all of that is shared by the requests that wait anyway. One that fails is undone
alone, and none is answered before it is on the disk.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from projects_api import tracing
from projects_api.database import Database, InTurn, translated

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
        self._line: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Count the requests in line."""
        return self._line.qsize()

    async def run(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Do work that takes its connection from `part`; return once that is committed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
            self._thread.start()
        request = _Request(partial(work, argument))
        self._line.put(request)
        result: Result = await request.answer
        return result

    def close(self) -> None:
        """Do what is in line, then no more."""
        self._line.put(None)
        if self._thread:
            self._thread.join()
        self._transaction.close()

    def _serve(self) -> None:
        while first := self._line.get():
            done = list(self._do_together(first))
            try:
                self._transaction.commit()
            except Exception as fault:  # noqa: BLE001 - nobody would begin the thread again
                # What lets these fail is a fault of the disk, or a lock that nobody gives back: the
                # others are told at once, rather than after a wait of their own.
                done += iter(self._next, None)
                for request in done:
                    request.fail(fault)
            self.going_on = 0
            _tell(done)

    def _do_together(self, first: "_Request") -> "Iterator[_Request]":
        following: _Request | None = first
        until = monotonic() + SECONDS
        while following:
            self.going_on += 1
            following.do()
            yield following
            is_full = self.going_on >= self.most or monotonic() > until
            following = None if is_full or self._transaction.is_over else self._next()

    def _next(self) -> "_Request | None":
        with suppress(Empty):
            following = self._line.get_nowait()
            if following:
                return following
            self._line.put(None)
        return None


class SharedTransaction:
    """A transaction of SQLite for the changes of several requests; used by one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._is_within = False
        self._has_changes = False
        self._refusal: DBAPIError | None = None
        """Why it could not begin."""

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
        except BaseException:
            if is_first:
                driver.rollback()
            elif driver.in_transaction:
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
        try:
            _check(driver)
            driver.commit()
        except sqlite3.Error as error:
            raise translated(error, "COMMIT") from error
        finally:
            driver.rollback()

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
            driver.begin(writing=True)
        except DBAPIError as error:
            self._refusal = error
            raise


class _Request:
    """A request in line, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self.loop.create_future()
        self._result: Any = None
        self._error: BaseException | None = None
        # For the thread to know which span it works for.
        self._work = partial(copy_context().run, work) if tracing.is_on() else work

    def do(self) -> None:
        """Do its work, unless nobody waits for it any more."""
        if self.answer.cancelled():
            return
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error

    def fail(self, error: Exception) -> None:
        """Have it fail, unless it did of itself."""
        self._error = self._error or error

    def tell(self) -> None:
        """On its event loop, let whoever waits go on."""
        if self.answer.done():
            return
        if self._error:
            self.answer.set_exception(self._error)
        else:
            self.answer.set_result(self._result)


def _tell(done: list[_Request]) -> None:
    """Wake each event loop once; one that has ended hears nothing."""
    for loop in {request.loop for request in done}:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_here, [one for one in done if one.loop is loop])


def _tell_here(done: list[_Request]) -> None:
    for request in done:
        request.tell()


def _check(driver: InTurn) -> None:
    if not driver.in_transaction:
        error = sqlite3.OperationalError("the transaction was ended by a fault")
        raise translated(error, "COMMIT")


def _say(driver: InTurn, statement: str) -> None:
    try:
        driver.execute(statement)
    except sqlite3.Error as error:
        raise translated(error, statement) from error
