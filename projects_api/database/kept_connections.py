"""Connections to PostgreSQL that threads keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from time import monotonic
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DisconnectionError

from projects_api.database.limits import Limits
from projects_api.database.pipeline import PipelinedConnection
from projects_api.database.postgresql import check_rested
from projects_api.driver_faults import translated


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
            _driver_of(kept).prepares = True
        driver = _driver_of(kept)
        self._all[kept] = True
        try:
            if writing:
                with _translated(), driver.block():
                    yield kept
            else:
                yield kept
        finally:
            self._all[kept] = False
            if not kept.invalidated:
                kept.info["used"] = monotonic()
                if not driver.is_idle:
                    kept.invalidate()

    def close(self) -> None:
        """Close all, when no thread uses one any more."""
        while self._all:
            self._all.popitem()[0].close()

    def _answers(self, kept: Connection) -> bool:
        """Return whether a connection can be used; else close it."""
        if not (kept.closed or kept.invalidated):
            try:
                check_rested(self._engine.dialect, self._limits, kept.connection, kept.info)
            except DisconnectionError:
                kept.invalidate()
            else:
                return True
        self._all.pop(kept, None)
        kept.close()
        return False


def _driver_of(kept: Connection) -> PipelinedConnection:
    driver: Any = kept.connection.dbapi_connection
    found: PipelinedConnection = driver
    return found


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what the driver says of a commit as SQLAlchemy does."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(psycopg.Error, error, "COMMIT") from error
