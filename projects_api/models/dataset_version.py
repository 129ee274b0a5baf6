"""Versions of data sets: each is one uploaded file and what was found in it."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, Index, UniqueConstraint, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models import artifact
from projects_api.models.artifact import artifacts
from projects_api.models.base import Identifier, Timestamp, new_id, now, one_of, rows_of, table_of

FORMATS = ("csv", "parquet")


class DatasetVersion(SQLModel, table=True):
    """One uploaded file: its format, its size as a table, how a CSV is written, its quality.

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
    quality: dict[str, Any] = Field(sa_type=JSON)
    profile: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    created_at: str = Field(sa_type=Timestamp)


dataset_versions = table_of(DatasetVersion)


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
    quality: dict[str, Any],
) -> dict[str, str]:
    """Keep a version whose content is in the store; return its id and its artifact's."""
    artifact_id = artifact.create(connection, project_id, sha256=sha256, media_type=media_type)
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
            quality=quality,
            created_at=now(),
        )
    )
    return {"dataset_version_id": version_id, "artifact_id": artifact_id}


def find_dialect(connection: Connection, version_id: str) -> dict[str, Any]:
    """Find how a version's file is written; the version must exist."""
    statement = select(dataset_versions.c.dialect).where(dataset_versions.c.id == version_id)
    found: dict[str, Any] = connection.execute(statement).scalar_one()
    return found


def find_in_project(
    connection: Connection, project_id: str, version_id: str
) -> dict[str, Any] | None:
    """Find how a version's file is written, and its content; `None` in another project."""
    facts = (dataset_versions.c.id, dataset_versions.c.format, dataset_versions.c.dialect)
    statement = (
        select(*facts, artifacts.c.sha256)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .where(dataset_versions.c.id == version_id, artifacts.c.project_id == project_id)
    )
    row = connection.execute(statement).first()
    return None if row is None else row._asdict()


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List every version of every data set of a project, oldest first."""
    # A version's artifact belongs to the version's project.
    statement = (
        select(dataset_versions)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .where(artifacts.c.project_id == project_id)
        .order_by(dataset_versions.c.dataset_id, dataset_versions.c.version)
    )
    return rows_of(connection.execute(statement))
