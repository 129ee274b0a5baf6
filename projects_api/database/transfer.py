"""Every row of one database into another one, of whatever kind, and a comparison afterwards."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep

from psycopg.errors import LockNotAvailable
from sqlalchemy import (
    JSON,
    Connection,
    Insert,
    RowMapping,
    Table,
    bindparam,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from projects_api.database import Database
from projects_api.models.base import metadata

ROWS_AT_ONCE = 500
LOCK_SECONDS = 60.0
RETRY_SECONDS = 0.02
_DIGEST_BITS = 256


@dataclass(frozen=True)
class Summary:
    """How many rows a table has, and a digest of them that does not depend on their order."""

    rows: int
    digest: int


@contextmanager
def held_still(database: Database) -> Iterator[Connection]:
    """Return a connection that sees one state, and lets nobody else change it meanwhile."""
    if database.is_embedded:
        with database.connect(writing=True) as connection, connection.begin():
            yield connection
        return
    with database.connect(snapshot=True) as connection:
        _lock_all(connection)
        yield connection


def _lock_all(connection: Connection) -> None:
    """Lock every table at a moment in which nobody writes: whoever waited could be waited for."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    deadline = monotonic() + LOCK_SECONDS
    while True:
        try:
            # Before the first query, with which the state that is seen begins.
            connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE NOWAIT"))
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, LockNotAvailable) or monotonic() > deadline:
                raise
            sleep(RETRY_SECONDS)
        else:
            return


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row, those that others refer to before the others."""
    for table in metadata.sorted_tables:
        statement = _insert(table)
        for rows in _batches(source, table):
            target.execute(statement, [{f"new_{name}": row[name] for name in row} for row in rows])


def has_rows(connection: Connection) -> bool:
    """Return whether any table has a row."""
    found = (
        connection.execute(select(literal(1)).select_from(table).limit(1)).first()
        for table in metadata.sorted_tables
    )
    return any(found)


def summarize(connection: Connection) -> dict[str, Summary]:
    """Count and digest the rows of each table, as the application reads them."""
    return {table.name: _summary(connection, table) for table in metadata.sorted_tables}


def _summary(connection: Connection, table: Table) -> Summary:
    count = total = 0
    for rows in _batches(connection, table):
        for row in rows:
            written = json.dumps(dict(row), default=bytes.hex, sort_keys=True)
            total += int.from_bytes(hashlib.sha256(written.encode()).digest())
        count += len(rows)
    return Summary(count, total % 2**_DIGEST_BITS)


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[RowMapping]]:
    options = {"stream_results": True}
    found = connection.execute(select(table), execution_options=options)
    return found.mappings().partitions(ROWS_AT_ONCE)


def _insert(table: Table) -> Insert:
    """Return an insert that keeps what is missing: for JSON, SQLAlchemy would write `null`."""
    values = {}
    for column in table.columns:
        kind = JSON(none_as_null=True) if isinstance(column.type, JSON) else column.type
        values[column.name] = bindparam(f"new_{column.name}", type_=kind)
    return insert(table).values(values)
