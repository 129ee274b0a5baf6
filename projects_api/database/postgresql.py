"""Connections to PostgreSQL, and how long it may take to answer.

A server that hangs, or that the network no longer reaches, keeps to no limit of its own: so each
wait has one here, too.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import partial
from threading import local
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader
from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from projects_api.database.limits import Limits
from projects_api.driver_faults import translated

REST_SECONDS = 1.0
"""After so long without use, a connection is tried before it is used again."""
LATE_SECONDS = 2.0
"""What the server's own word that a statement took too long may take to come."""
Result = TypeVar("Result")


def create(url: URL, limits: Limits, options: Mapping[str, Any]) -> Engine:
    """Make the engine; `options` are those of its pool."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=_arguments(limits), **options
    )
    event.listen(engine, "do_connect", partial(_connect, limits))
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_check_after_rest, engine.dialect, limits))
    return engine


def _arguments(limits: Limits) -> dict[str, Any]:
    own = {
        "timezone": "UTC",
        "datestyle": "ISO",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "lock_timeout": f"{limits.lock * 1000:.0f}",
    }
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in own.items()),
        "connect_timeout": max(2, round(limits.connect)),  # which is the least that it takes
        # Or a network that swallows everything keeps a thread for a quarter of an hour.
        "tcp_user_timeout": round(limits.silence * 1000),
        "keepalives_idle": max(1, round(limits.silence)),
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


class _Impatient(psycopg.Connection[Any]):
    """A connection that is closed where the server says nothing for too long."""

    most_seconds: float | None = None

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        """Wait for an answer; raises OperationalError where there is none in time."""
        try:
            return super().wait(gen, interval, timeout or self.most_seconds)
        except psycopg.OperationalError:
            # The answer may still come, and would be taken for that of the next statement.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Wait at most so long for each answer while a block runs."""
        before, self.most_seconds = self.most_seconds, seconds
        try:
            yield
        finally:
            self.most_seconds = before


class KeptConnections:
    """Connections that threads keep: each statement is a transaction, unless they change something.

    To take one from the pool, to note that a transaction begins, and to undo nothing when it is
    given back takes longer than to find a row. Threads that answer requests live as long as the
    server, and there are fewer of them than the pool has connections.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._thread = local()
        self._all: dict[Connection, bool] = {}

    @property
    def idle(self) -> int:
        """How many are kept and not in use."""
        return list(self._all.values()).count(False)

    @contextmanager
    def use(self, *, writing: bool = False) -> Iterator[Connection]:
        """Use the one of this thread while a block runs; one that was lost is replaced.

        `writing` makes the block a transaction, committed at its end, undone by an error.
        """
        kept: Connection | None = getattr(self._thread, "connection", None)
        if kept is None or not self._answers(kept):
            kept = self._thread.connection = self._engine.connect()
            kept.begin()  # Its transactions only the driver sees.
        self._all[kept] = True
        try:
            if writing:
                with _transaction(kept):
                    yield kept
            else:
                yield kept
        finally:
            self._all[kept] = False
            if not kept.invalidated:
                kept.info["used"] = monotonic()

    def close(self) -> None:
        """Close all, when no thread uses one any more."""
        while self._all:
            self._all.popitem()[0].close()

    def _answers(self, kept: Connection) -> bool:
        """Return whether a connection can be used; else close it."""
        if not (kept.closed or kept.invalidated):
            try:
                _check_rested(self._engine.dialect, self._limits, kept.connection, kept.info)
            except DisconnectionError:
                kept.invalidate()
            else:
                return True
        self._all.pop(kept, None)
        kept.close()
        return False


@contextmanager
def _transaction(kept: Connection) -> Iterator[None]:
    """Let statements of a connection, each of which is a transaction, be one together."""
    driver: Any = kept.connection.dbapi_connection
    driver.autocommit = False
    try:
        yield
        driver.commit()
    except BaseException as error:
        _undo(kept, driver)
        if isinstance(error, psycopg.Error):
            raise translated(psycopg.Error, error, "COMMIT") from error
        raise
    driver.autocommit = True


def _undo(kept: Connection, driver: Any) -> None:
    """Roll back, and go on with another connection where that cannot be."""
    try:
        driver.rollback()
        driver.autocommit = True
    except psycopg.Error as error:
        kept.invalidate(error)


def _connect(
    limits: Limits, _dialect: Dialect, _record: object, words: list[Any], named: dict[str, Any]
) -> _Impatient:
    connection = _Impatient.connect(*words, **named)
    # Ids and moments are text here: objects would be made of the server's text to be undone again.
    for kind in ("uuid", "timestamptz"):
        connection.adapters.register_loader(kind, TextLoader)
    if limits.statement:
        connection.most_seconds = limits.statement + LATE_SECONDS
    return connection


def _note_use(_driver: object, record: ConnectionPoolEntry) -> None:
    record.info["used"] = monotonic()


def _check_after_rest(
    dialect: Dialect, limits: Limits, driver: Any, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Let the pool replace a connection that the server has closed meanwhile."""
    _check_rested(dialect, limits, driver, record.info)


def _check_rested(
    dialect: Dialect, limits: Limits, driver: Any, info: MutableMapping[Any, Any]
) -> None:
    """Try a connection that was not used for long. Raises DisconnectionError."""
    if monotonic() - info.get("used", monotonic()) > REST_SECONDS:
        try:
            with driver.within(limits.connect):
                dialect.do_ping(driver)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
