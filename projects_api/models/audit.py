"""The audit log: who changed what, when and from where, and who was refused.

An entry holds ids and a status, and nothing of what was sent or answered. It outlives the person,
the key and the project that it names, so that none of these is a reference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Select,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
)
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, new_id, page_of, rows_of, table_of
from projects_api.models.statements import DriverStatement, Listing, parameters_of

Entry = dict[str, Any]
"""The columns of an entry."""


class AuditEntry(SQLModel, table=True):
    """A request that changed something or was refused.

    `resource_id` is what was made or named. `request_count` is above 1 where an entry stands for
    refusals that were too many to be written one by one; such a one names no single request.
    The key begins with the moment, so that the log is kept in its order without another index.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        PrimaryKeyConstraint("created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    created_at: str = Field(primary_key=True, sa_type=Timestamp)
    user_id: str | None = Field(default=None, sa_type=Identifier)
    key_id: str | None = Field(default=None, sa_type=Identifier)
    project_id: str | None = Field(default=None, sa_type=Identifier)
    resource_id: str | None = Field(default=None, sa_type=Identifier)
    operation: str | None = Field(default=None, max_length=64)
    status: int = Field(sa_type=Integer)
    request_id: str | None = Field(default=None, max_length=64)
    client: str | None = Field(default=None, max_length=64)
    request_count: int = Field(default=1, sa_type=BigInteger)


audit_entries = table_of(AuditEntry)

_ADD = DriverStatement(insert(audit_entries).values(parameters_of(audit_entries.c.keys())))
_LISTING = Listing(
    select(audit_entries),
    audit_entries.c.project_id == bindparam("project_id"),
    audit_entries.c.created_at.desc(),
    audit_entries.c.id.desc(),
)


def add(connection: Connection, entry: Entry) -> None:
    """Write an entry, which gets an id, in the transaction of what it tells of."""
    _ADD.execute_later(connection, id=new_id(), **entry)


def add_all(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries that have their ids."""
    connection.execute(insert(audit_entries), list(entries))


def list_for_project(
    connection: Connection, project_id: str, *, limit: int, offset: int
) -> tuple[list[Any], int]:
    """List what was done in a project, newest first, and tell how many entries there are."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


def list_newest(
    connection: Connection, *, since: str | None = None, limit: int, **wanted: str | int | None
) -> list[Entry]:
    """List the newest entries, newest first; `wanted` are columns and what they must be."""
    statement = _chosen(since, wanted).order_by(*_NEWEST).limit(limit)
    return rows_of(connection.execute(statement))


def list_page(
    connection: Connection,
    *,
    since: str | None = None,
    limit: int,
    offset: int,
    **wanted: str | int | None,
) -> tuple[list[Any], int]:
    """List the same a page at a time, and tell how many entries there are."""
    return page_of(connection, _chosen(since, wanted), *_NEWEST, limit=limit, offset=offset)


_NEWEST = (audit_entries.c.created_at.desc(), audit_entries.c.id.desc())


def _chosen(since: str | None, wanted: Mapping[str, str | int | None]) -> Select[Any]:
    statement = select(audit_entries)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(audit_entries.c[name] == value)
    if since is not None:
        statement = statement.where(audit_entries.c.created_at >= since)
    return statement


def remove_old(connection: Connection, before: str, *, most: int) -> int:
    """Forget the oldest entries from before a moment; return how many."""
    key = audit_entries.c.created_at, audit_entries.c.id
    oldest = select(*key).where(key[0] < before).order_by(*key).limit(most)
    return connection.execute(delete(audit_entries).where(tuple_(*key).in_(oldest))).rowcount
