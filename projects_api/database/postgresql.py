"""Connections to PostgreSQL, and how long it may take to answer.

A server that hangs, or that the network no longer reaches, keeps to no limit of its own: so each
wait has one here, too.
"""

from collections.abc import Mapping, MutableMapping
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from psycopg.types.string import TextLoader
from sqlalchemy import URL, Dialect, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from projects_api.database.limits import Limits
from projects_api.database.pipeline import PipelinedConnection

REST_SECONDS = 1.0
"""After so long without use, a connection is tried before it is used again."""
LATE_SECONDS = 2.0
"""What the server's own word that a statement took too long may take to come."""


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
        # Where psycopg prepares something, it forgets after a rollback all that is prepared, ours,
        # too (`pipeline.py`).
        "prepare_threshold": None,
    }


def _connect(
    limits: Limits, _dialect: Dialect, _record: object, words: list[Any], named: dict[str, Any]
) -> PipelinedConnection:
    connection = PipelinedConnection.connect(*words, **named)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise psycopg.OperationalError(
            f"the database has the encoding {encoding}, which cannot hold every name: make one by "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
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
    check_rested(dialect, limits, driver, record.info)


def check_rested(
    dialect: Dialect, limits: Limits, driver: Any, info: MutableMapping[Any, Any]
) -> None:
    """Try a connection that was not used for long. Raises DisconnectionError."""
    if monotonic() - info.get("used", monotonic()) > REST_SECONDS:
        try:
            with driver.within(limits.connect):
                dialect.do_ping(driver)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
