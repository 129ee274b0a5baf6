"""Versions of data sets: each is one uploaded file and what was found in it."""

from typing import Any, TypedDict

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Index,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import artifact
from projects_api.models.artifact import artifacts
from projects_api.models.base import (
    Identifier,
    Timestamp,
    new_id,
    now,
    one_of,
    row_of,
    rows_of,
    table_of,
)
from projects_api.models.blob import blobs
from projects_api.models.statements import Listing

FORMATS = ("csv", "parquet")


class DatasetVersion(SQLModel, table=True):
    """One uploaded file: its format, its size as a table, how a CSV is read, its quality.

    `reading` is what the contract shows of that, `dialect` all that readers of the file need.
    `profile` is what a closer look at its columns found; null until somebody asks.
    """

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("dataset_id", "version"),
        one_of("format", FORMATS),
        Index(None, "artifact_id"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    dataset_id: str = Field(foreign_key="datasets.id", ondelete="CASCADE", sa_type=Identifier)
    version: int = Field(sa_type=BigInteger)
    artifact_id: str = Field(foreign_key="artifacts.id", ondelete="CASCADE", sa_type=Identifier)
    format: str = Field(max_length=16)
    rows: int = Field(sa_type=BigInteger)
    columns: int = Field(sa_type=BigInteger)
    dialect: dict[str, Any] = Field(sa_type=JSON)
    reading: dict[str, Any] = Field(sa_type=JSON, sa_column_kwargs={"server_default": "{}"})
    quality: dict[str, Any] = Field(sa_type=JSON)
    profile: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    created_at: str = Field(sa_type=Timestamp)


dataset_versions = table_of(DatasetVersion)

_SHOWN = (
    dataset_versions.c.id,
    dataset_versions.c.dataset_id,
    dataset_versions.c.version,
    dataset_versions.c.format,
    dataset_versions.c.rows,
    dataset_versions.c.columns,
    blobs.c.size_bytes,
    artifacts.c.sha256,
    dataset_versions.c.artifact_id,
    dataset_versions.c.quality,
    dataset_versions.c.reading,
    dataset_versions.c.created_at,
)
_LISTING = Listing(
    select(*_SHOWN)
    .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
    .join(blobs, blobs.c.sha256 == artifacts.c.sha256),
    dataset_versions.c.dataset_id == bindparam("dataset_id"),
    dataset_versions.c.version.desc(),
)


class VersionIds(TypedDict):
    """The ids of a version that was just made, and of its artifact."""

    dataset_version_id: str
    artifact_id: str


def create(
    connection: Connection,
    project_id: str,
    dataset_id: str,
    *,
    number: int,
    sha256: str,
    media_type: str,
    format: str,  # noqa: A002 - the contract's name for it
    rows: int,
    columns: int,
    dialect: dict[str, Any],
    reading: dict[str, Any],
    quality: dict[str, Any],
    user_id: str | None = None,
) -> VersionIds:
    """Keep a version whose content is in the store; return its id and its artifact's.

    Its file counts for the person, if one is named.
    """
    artifact_id = artifact.create(
        connection, project_id, sha256=sha256, media_type=media_type, user_id=user_id
    )
    version_id = new_id()
    connection.execute(
        insert(dataset_versions).values(
            id=version_id,
            dataset_id=dataset_id,
            version=number,
            artifact_id=artifact_id,
            format=format,
            rows=rows,
            columns=columns,
            dialect=dialect,
            reading=reading,
            quality=quality,
            created_at=now(),
        )
    )
    return {"dataset_version_id": version_id, "artifact_id": artifact_id}


def find(
    connection: Connection, dataset_id: str, number: int | None = None
) -> dict[str, Any] | None:
    """Find a version by its number, or the newest one, with all that is needed to read its file."""
    statement = (
        select(*_SHOWN, dataset_versions.c.dialect)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
        .where(dataset_versions.c.dataset_id == dataset_id)
        .order_by(dataset_versions.c.version.desc())
        .limit(1)
    )
    if number is not None:
        statement = statement.where(dataset_versions.c.version == number)
    return row_of(connection.execute(statement))


def list_for_dataset(
    connection: Connection, dataset_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.DatasetVersion], int]:
    """List the versions of a data set, newest first, and tell how many there are in all."""
    return _LISTING.page(connection, dataset_id=dataset_id, limit=limit, offset=offset)


def find_profile(connection: Connection, version_id: str) -> dict[str, Any] | None:
    """Find what a closer look at a version found; `None` where nobody has looked."""
    statement = select(dataset_versions.c.profile).where(dataset_versions.c.id == version_id)
    found: dict[str, Any] | None = connection.scalar(statement)
    return found


def find_in_project(
    connection: Connection, project_id: str, version_id: str
) -> dict[str, Any] | None:
    """Find how a version's file is written, its rows and content; `None` in another project."""
    names = ("id", "format", "dialect", "reading", "rows")
    facts = [dataset_versions.c[name] for name in names]
    statement = (
        select(*facts, artifacts.c.sha256)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .where(dataset_versions.c.id == version_id, artifacts.c.project_id == project_id)
    )
    return row_of(connection.execute(statement))


def keep_profile(connection: Connection, version_id: str, profile: dict[str, Any]) -> None:
    """Keep what a closer look found, unless another one was kept before."""
    connection.execute(
        update(dataset_versions)
        .where(dataset_versions.c.id == version_id, dataset_versions.c.profile.is_(None))
        .values(profile=profile)
    )


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List every version of every data set of a project, oldest first."""
    # A version's artifact belongs to the version's project. What is computed can be so again.
    kept = [column for column in dataset_versions.c if column.name != "profile"]
    statement = (
        select(*kept)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .where(artifacts.c.project_id == project_id)
        .order_by(dataset_versions.c.dataset_id, dataset_versions.c.version)
    )
    return rows_of(connection.execute(statement))
