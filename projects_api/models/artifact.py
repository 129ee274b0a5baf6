"""Artifacts: files that belong to a project, such as data sets, model binaries and reports."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Index, delete, exists, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, new_id, now, rows_of, table_of
from projects_api.models.blob import blob_leases, blobs
from projects_api.models.job import jobs


class Artifact(SQLModel, table=True):
    """A file of a project. Equal files of different owners share a blob, and cannot tell.

    `user_id` is who brought it, or asked for what made it: it counts for that person's quota,
    and for nobody's once the person was removed. So it is no reference, and remains. `size_bytes`
    is the blob's.
    """

    __tablename__ = "artifacts"
    # Sizes are added up out of these, where the files of a person or a project are many.
    __table_args__ = (Index(None, "project_id", "size_bytes"), Index(None, "user_id", "size_bytes"))

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    sha256: str = Field(foreign_key="blobs.sha256", index=True, max_length=64)
    size_bytes: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    media_type: str = Field(max_length=255)
    user_id: str | None = Field(default=None, sa_type=Identifier)
    created_at: str = Field(sa_type=Timestamp)


artifacts = table_of(Artifact)

CONTENT_COLUMNS = (
    artifacts.c.media_type,
    artifacts.c.sha256,
    blobs.c.size_bytes,
    blobs.c.crc32,
)


def create(
    connection: Connection,
    project_id: str,
    *,
    sha256: str,
    media_type: str,
    user_id: str | None = None,
) -> str:
    """Give a project a file whose content is in the store; return the artifact's id.

    It counts for the person, if one is named.
    """
    artifact_id = new_id()
    connection.execute(
        insert(artifacts).values(
            id=artifact_id,
            project_id=project_id,
            sha256=sha256,
            size_bytes=select(blobs.c.size_bytes).where(blobs.c.sha256 == sha256).scalar_subquery(),
            media_type=media_type,
            user_id=user_id,
            created_at=now(),
        )
    )
    return artifact_id


def list_contents(connection: Connection, project_id: str) -> dict[str, dict[str, Any]]:
    """List the files of a project by artifact id: media type, SHA-256, size and CRC-32."""
    statement = (
        select(artifacts.c.id, *CONTENT_COLUMNS)
        .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
        .where(artifacts.c.project_id == project_id)
        .order_by(artifacts.c.id)
    )
    rows = rows_of(connection.execute(statement))
    return {row.pop("id"): row for row in rows}


def list_unused_contents(connection: Connection, *, limit: int) -> list[str]:
    """List contents that no artifact has, no job needs, and no live lease keeps."""
    return list(connection.scalars(select(blobs.c.sha256).where(_unused()).limit(limit)))


def remove_unused_content(connection: Connection, sha256: str) -> bool:
    """Remove a content's row if it is still unused; tell whether it was."""
    stale = (blob_leases.c.sha256 == sha256) & (blob_leases.c.expires_at <= now())
    connection.execute(delete(blob_leases).where(stale))
    statement = delete(blobs).where(blobs.c.sha256 == sha256, _unused())
    return connection.execute(statement).rowcount == 1


def list_used_contents(connection: Connection) -> dict[str, int]:
    """List the sizes of all contents that an artifact has or a job needs."""
    statement = select(blobs.c.sha256, blobs.c.size_bytes).where(_used())
    return {row.sha256: row.size_bytes for row in connection.execute(statement)}


def _used() -> ColumnElement[bool]:
    has_file = exists().where(artifacts.c.sha256 == blobs.c.sha256)
    has_job = exists().where(jobs.c.input_sha256 == blobs.c.sha256)
    return has_file | has_job


def _unused() -> ColumnElement[bool]:
    live = (blob_leases.c.sha256 == blobs.c.sha256) & (blob_leases.c.expires_at > now())
    return ~_used() & ~exists().where(live)
