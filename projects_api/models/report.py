"""Reports: documents about a project, an experiment or a model."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Connection, Index, Text, insert, update
from sqlmodel import Field, SQLModel

from projects_api.models import artifact
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    one_of,
    table_of,
)

KINDS = ("project", "experiment", "model", "deployment")
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


class Report(SQLModel, table=True):
    """A document; `entity_id` names what it is about, in the table of its kind.

    `artifact_id` is its HTML and `pdf_artifact_id` its PDF, both absent until it is rendered.
    """

    __tablename__ = "reports"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("status", STATUSES),
        Index(None, "project_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    artifact_id: str | None = Field(
        default=None,
        foreign_key="artifacts.id",
        ondelete="CASCADE",
        index=True,
        sa_type=Identifier,
    )
    pdf_artifact_id: str | None = Field(
        default=None,
        foreign_key="artifacts.id",
        ondelete="CASCADE",
        index=True,
        sa_type=Identifier,
    )
    kind: str = Field(max_length=16)
    entity_id: str = Field(sa_type=Identifier)
    name: str = Field(sa_type=binary_text(255))
    status: str = Field(default="succeeded", max_length=16)
    message: str | None = Field(default=None, sa_type=Text)
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    job_id: str | None = Field(default=None, sa_type=Identifier)
    created_at: str = Field(sa_type=Timestamp)


reports = table_of(Report)


def create(
    connection: Connection,
    project_id: str,
    *,
    kind: str,
    entity_id: str,
    name: str,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Keep a report that waits to be rendered; return the new id."""
    report_id = new_id()
    connection.execute(
        insert(reports).values(
            id=report_id,
            project_id=project_id,
            kind=kind,
            entity_id=entity_id,
            name=name,
            status="queued",
            options=dict(options or {}),
            created_at=now(),
        )
    )
    return report_id


def put_documents(
    connection: Connection, project_id: str, report_id: str, sha256_of: Mapping[str, str]
) -> None:
    """Give a report its documents, which are in the store, by media type; it has succeeded."""
    artifact_ids = {
        f"{column}artifact_id": artifact.create(
            connection, project_id, sha256=sha256_of[media_type], media_type=media_type
        )
        for media_type, column in (("text/html", ""), ("application/pdf", "pdf_"))
        if media_type in sha256_of
    }
    connection.execute(
        update(reports)
        .where(reports.c.id == report_id)
        .values(status="succeeded", message=None, **artifact_ids)
    )


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the reports of a project, oldest first."""
    return list_of_project(connection, reports, project_id)
