"""The database: connections, transactions and the places where SQLite and PostgreSQL differ."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, make_url, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from projects_api import driver_faults, tracing
from projects_api.database import sqlite
from projects_api.database.limits import NO_LIMITS, Limits

SPARE_CONNECTIONS = 5
"""Beside those of all threads: reads and writes of SQLite, maintenance, readiness, metrics."""
FOREIGN_KEY_VIOLATION = "23503"
_READ_ONLY = text("SELECT current_setting('transaction_read_only') = 'on'")


class ReadOnlyError(SQLAlchemyError):
    """The database answers, and takes no change."""


def names_what_is_gone(error: IntegrityError) -> bool:
    """Return whether a row would name another one, by a foreign key, that is not there."""
    fault: Any = error.orig
    if isinstance(fault, sqlite3.Error):
        return fault.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY"
    return getattr(fault, "sqlstate", None) == FOREIGN_KEY_VIOLATION


class Database:
    """Connections to one database, with the transactions that requests need.

    `is_embedded` tells that it runs in this process, as SQLite does.
    """

    def __init__(self, url: str, *, connections: int = 16, limits: Limits = NO_LIMITS) -> None:
        """Take the URL, how many connections are kept, and how long PostgreSQL may take."""
        self.engine = _create_engine(make_url(url), connections, limits)
        tracing.watch(self.engine)
        driver_faults.watch(self.engine)
        self.is_embedded = self.engine.dialect.name == "sqlite"
        self.most_connections = 2 * connections + SPARE_CONNECTIONS
        self._event_loop_connection: Connection | None = None
        self._reading = self.engine
        self._writing = self.engine.execution_options(writing=True)
        self._snapshot = self._writing
        if not self.is_embedded:
            from projects_api.database.kept_connections import (  # noqa: PLC0415 - as below
                KeptConnections,
            )

            # Each statement sees a state of its own anyway; BEGIN and COMMIT would only travel.
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._snapshot = self.engine.execution_options(isolation_level="REPEATABLE READ")
            self._kept = KeptConnections(self._reading, limits)

    @property
    def used_connections(self) -> int:
        """How many connections are in use now."""
        pool = self.engine.pool
        taken = pool.checkedout() if isinstance(pool, QueuePool) else 0
        return taken if self.is_embedded else max(0, taken - self._kept.idle)

    def connect(self, *, writing: bool = False, snapshot: bool = False) -> Connection:
        """Take a connection; its transaction begins with its first statement.

        `writing` makes SQLite take its one write lock at the beginning, because a transaction
        that reads first and writes later could fail. `snapshot` sees one state throughout.
        """
        if snapshot:
            return self._snapshot.connect()
        return (self._writing if writing else self._reading).connect()

    def keep_connection(self) -> Connection:
        """Take a connection to SQLite for good, whose transactions only its driver sees.

        To take one from the pool and give it back costs more than to find a row. So does what
        SQLAlchemy notes of a transaction: it sees a single one that never ends.
        """
        connection = self.engine.connect().execution_options(kept=True)
        connection.begin()
        return connection

    @contextmanager
    def event_loop_connection(self) -> Iterator[Connection]:
        """Return the connection to SQLite that the event loop keeps for its reads."""
        if self._event_loop_connection is None or self._event_loop_connection.invalidated:
            self._event_loop_connection = self.keep_connection()
        driver = sqlite.InTurn.of(self._event_loop_connection)
        driver.begin(writing=False)
        try:
            yield self._event_loop_connection
        finally:
            driver.rollback()

    def thread_connection(self, *, writing: bool = False) -> AbstractContextManager[Connection]:
        """Return the connection to PostgreSQL that this thread keeps, or one of SQLite's pool.

        To write, in a transaction: committed at the end of the block, undone by an error.
        """
        if self.is_embedded:
            return self.transaction() if writing else self.connect()
        return self._kept.use(writing=writing)

    @contextmanager
    def transaction(self, *, writing: bool = True) -> Iterator[Connection]:
        """Run a block in a transaction of its own: committed at its end, undone by an error."""
        with self.connect(writing=writing) as connection, connection.begin():
            yield connection

    def check(self) -> None:
        """Try whether a change is possible; a `SQLAlchemyError` tells that it is not.

        SQLite writes a page of its file, because nothing less meets a disk that is full.
        PostgreSQL tells.
        """
        if self.is_embedded:
            with self.transaction() as connection:
                connection.execute(text("PRAGMA user_version = 0"))
            return
        with self.connect() as connection:
            if connection.scalar(_READ_ONLY):
                raise ReadOnlyError("the database takes no changes: it is read-only")

    def close(self) -> None:
        """Close every connection."""
        if self._event_loop_connection:
            self._event_loop_connection.close()
        if not self.is_embedded:
            self._kept.close()
        self.engine.dispose()


def find_missing_file(url: str) -> Path | None:
    """Return the file of a database in a file that is not there, which a connection would make."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    file = Path(parsed.database)
    return None if file.exists() else file


def _create_engine(url: URL, connections: int, limits: Limits) -> Engine:
    options: dict[str, Any] = {
        "pool_size": connections,
        # A request may need a second one.
        "max_overflow": connections + SPARE_CONNECTIONS,
        "pool_timeout": 10,
        # Errors are logged, and what people sent is not theirs who read the log.
        "hide_parameters": True,
    }
    if url.get_backend_name() == "postgresql":
        from projects_api.database import postgresql  # noqa: PLC0415 - its driver is slow to import

        return postgresql.create(url, limits, options)
    return sqlite.create(url, options)
