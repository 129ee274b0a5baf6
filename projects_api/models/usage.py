"""Usage: how many bytes are kept for people and in projects.

There is no counter. What is kept is added up, by index, where something comes or somebody asks, so
that a sum cannot differ from what it is of. A file counts with its whole size wherever it stands,
even if its content is stored once for many: nobody can tell by a sum what others have.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    cast,
    func,
    select,
    union_all,
)

from projects_api.models.artifact import artifacts
from projects_api.models.blob import blobs
from projects_api.models.job import jobs
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.statements import DriverStatement, Listing
from projects_api.models.user import service_accounts, users

Amount = dict[str, int]
"""`stored_bytes` and `file_count`."""


# PostgreSQL adds up to a number of any length, which the driver gives as a decimal one.
def _sum(sizes: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(sizes), 0), BigInteger).label("stored_bytes")


_BYTES = _sum(artifacts.c.size_bytes)
_FILES = select(_BYTES, func.count().label("file_count")).select_from(artifacts)
_OF_PROJECT = DriverStatement(_FILES.where(artifacts.c.project_id == bindparam("project_id")))
# A union, each half of which an index finds: files of service accounts are their owner's.
_ANSWERED_FOR = union_all(
    select(users.c.id).where(users.c.id == bindparam("user_id")),
    select(service_accounts.c.user_id).where(service_accounts.c.owner_id == bindparam("user_id")),
)
_OF_PERSON = DriverStatement(_FILES.where(artifacts.c.user_id.in_(_ANSWERED_FOR)))
_INPUTS = select(_sum(blobs.c.size_bytes), func.count().label("file_count")).select_from(
    jobs.join(blobs, blobs.c.sha256 == jobs.c.input_sha256)
)
# What a job works on is its project's to be, and no longer counts beside that.
_WAITING = jobs.c.user_id.in_(_ANSWERED_FOR) & (jobs.c.status == "queued")
_INPUTS_OF_PERSON = DriverStatement(_INPUTS.where(_WAITING))
_HOLD = DriverStatement(
    # Rows that name the person may come meanwhile, only no other file of the person.
    select(users.c.id).where(users.c.id == bindparam("user_id")).with_for_update(key_share=True)
)
_OWNED = (members.c.user_id == bindparam("user_id")) & (members.c.role == "owner")
_LISTING = Listing(
    select(
        projects.c.id.label("project_id"),
        projects.c.name,
        _BYTES,
        func.count(artifacts.c.id).label("file_count"),
    )
    .select_from(
        members.join(projects, projects.c.id == members.c.project_id).outerjoin(
            artifacts, artifacts.c.project_id == projects.c.id
        )
    )
    .group_by(projects.c.id, projects.c.name),
    _OWNED,
    _BYTES.desc(),
    projects.c.id,
)


def of_project(connection: Connection, project_id: str) -> Amount:
    """Add up the files of a project."""
    found: Amount = _OF_PROJECT.first(connection, project_id=project_id)
    return found


def of_person(connection: Connection, user_id: str) -> Amount:
    """Add up the files that a person brought or had made, and archives that wait for their job.

    What the person's service accounts brought counts, too.
    """
    kept = _OF_PERSON.first(connection, user_id=user_id)
    waiting = _INPUTS_OF_PERSON.first(connection, user_id=user_id)
    return {name: kept[name] + waiting[name] for name in kept}


def hold_person(connection: Connection, user_id: str) -> None:
    """Let nobody else add up this person's files until the transaction ends."""
    _HOLD.first(connection, user_id=user_id)


def list_owned(
    connection: Connection, user_id: str, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """List the projects that a person owns, the largest first, and tell how many there are."""
    return _LISTING.page(connection, user_id=user_id, limit=limit, offset=offset)


def list_people(connection: Connection) -> dict[str, int]:
    """Add up the bytes of everybody who has files, by user id."""
    statement = (
        select(artifacts.c.user_id, _BYTES)
        .where(artifacts.c.user_id.is_not(None))
        .group_by(artifacts.c.user_id)
    )
    return {row.user_id: row.stored_bytes for row in connection.execute(statement)}
