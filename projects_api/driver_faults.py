"""What the drivers of databases raise, and which of it has a name of its own here."""

import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError

_FULL_OF_SQLITE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        # What it tells of a quota, of the most that a file may have, and of a broken disk.
        sqlite3.SQLITE_IOERR_WRITE,
        # The index of its log of writes has no room.
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)


class DiskFull(OperationalError):
    """The disk of the database has no room, or takes no writes for another reason."""


class ReadOnly(OperationalError):
    """The database takes no changes now, as one that only follows another."""


def translated(
    errors: type[Exception], error: Exception, statement: str, given: Any = None, **options: Any
) -> DBAPIError:
    """Make SQLAlchemy's error of one of a driver, from a call that SQLAlchemy did not see.

    `errors` is what all errors of the driver are.
    """
    made = DBAPIError.instance(statement, given, error, errors, hide_parameters=True, **options)
    assert isinstance(made, DBAPIError)
    return named(made)


def named(error: DBAPIError) -> DBAPIError:
    """Return an error of SQLAlchemy by its own name, where it has one here."""
    kind = _kind_of(error.orig)
    if kind is None:
        return error
    return kind(
        error.statement,
        error.params,
        error.orig or error,
        hide_parameters=error.hide_parameters,
        connection_invalidated=error.connection_invalidated,
        code=error.code,
        ismulti=error.ismulti,
    )


def watch(engine: Engine) -> None:
    """Have what an engine raises named."""
    event.listen(engine, "handle_error", _name, retval=True)


def _name(context: ExceptionContext) -> BaseException | None:
    error = context.sqlalchemy_exception
    return named(error) if isinstance(error, DBAPIError) else None


_OF_POSTGRESQL = {"53100": DiskFull, "25006": ReadOnly}


def _kind_of(fault: Any) -> type[OperationalError] | None:
    if isinstance(fault, sqlite3.Error):
        # One that the driver did not raise has no code.
        is_full = getattr(fault, "sqlite_errorcode", None) in _FULL_OF_SQLITE
        return DiskFull if is_full else None
    return _OF_POSTGRESQL.get(getattr(fault, "sqlstate", ""))
