"""Reports: documents about a project, an experiment or a model."""

from collections.abc import Mapping
from typing import Any, get_args

from sqlalchemy import JSON, Connection, Index, Text, bindparam, insert, select, update
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import artifact, job
from projects_api.models.artifact import artifacts
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    one_of,
    row_of,
    table_of,
)
from projects_api.models.blob import blobs
from projects_api.models.deployment import deployments
from projects_api.models.experiment import experiments
from projects_api.models.outside import delivery
from projects_api.models.project import projects
from projects_api.models.statements import Listing
from projects_api.models.trained_model import trained_models

KINDS = ("project", "experiment", "model", "deployment")
STATUSES = get_args(schemas.ReportStatus)


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

SUBJECTS = {
    "project": projects,
    "experiment": experiments,
    "model": trained_models,
    "deployment": deployments,
}
"""The table of what a report of each kind is about."""
MAX_RUNTIME_SECONDS = 900.0
_SHOWN = (
    reports.c.id,
    reports.c.project_id,
    reports.c.kind,
    reports.c.entity_id,
    reports.c.name,
    reports.c.status,
    reports.c.message,
    reports.c.options,
    reports.c.job_id,
    reports.c.created_at,
)
_HERE = reports.c.project_id == bindparam("project_id")
_NEWEST_FIRST = (reports.c.created_at.desc(), reports.c.id.desc())
_LISTING = Listing(select(*_SHOWN), _HERE, *_NEWEST_FIRST)
_LISTING_OF_KIND = Listing(
    select(*_SHOWN), _HERE & (reports.c.kind == bindparam("kind")), *_NEWEST_FIRST
)


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


def request(
    connection: Connection, project_id: str, user_id: str, **facts: Any
) -> tuple[schemas.Report, str]:
    """Keep a report and queue the job that renders it; `facts` are those of `create`.

    Gives the report and the job's id.
    """
    report_id = create(connection, project_id, **facts)
    job_id = job.create(
        connection,
        user_id=user_id,
        project_id=project_id,
        kind="report",
        entity_id=report_id,
        arguments={},
        max_runtime_seconds=MAX_RUNTIME_SECONDS,
    )
    connection.execute(update(reports).where(reports.c.id == report_id).values(job_id=job_id))
    found = find(connection, report_id)
    assert found is not None
    return found, job_id


def find_name(connection: Connection, project_id: str, kind: str, entity_id: str) -> str | None:
    """Find what something is called that a project has; `None` where the project has it not."""
    table = SUBJECTS[kind]
    owner = table.c.id if kind == "project" else table.c.project_id
    statement = select(table.c.name).where(table.c.id == entity_id, owner == project_id)
    found: str | None = connection.scalar(statement)
    return found


def find(connection: Connection, report_id: str) -> schemas.Report | None:
    """Find a report, without its documents."""
    return row_of(connection.execute(select(*_SHOWN).where(reports.c.id == report_id)))


def find_document(connection: Connection, report_id: str, media_type: str) -> dict[str, Any] | None:
    """Find the SHA-256 and the size of a document that a report has."""
    column = reports.c.artifact_id if media_type == "text/html" else reports.c.pdf_artifact_id
    statement = (
        select(artifacts.c.sha256, blobs.c.size_bytes)
        .join(reports, column == artifacts.c.id)
        .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
        .where(reports.c.id == report_id, artifacts.c.media_type == media_type)
    )
    return row_of(connection.execute(statement))


def list_page(
    connection: Connection, project_id: str, kind: str | None, *, limit: int, offset: int
) -> tuple[list[schemas.Report], int]:
    """List reports, newest first, of one kind or of all, and tell how many there are."""
    listing = _LISTING if kind is None else _LISTING_OF_KIND
    return listing.page(connection, project_id=project_id, kind=kind, limit=limit, offset=offset)


def set_status(connection: Connection, report_id: str, status: str, message: str | None) -> None:
    """Let a report follow its job."""
    statement = update(reports).where(reports.c.id == report_id)
    connection.execute(statement.values(status=status, message=message))
    if status not in job.OPEN:
        _tell(connection, report_id)


def put_documents(
    connection: Connection,
    project_id: str,
    report_id: str,
    sha256_of: Mapping[str, str],
    user_id: str | None = None,
) -> None:
    """Give a report its documents, which are in the store, by media type; it has succeeded.

    They count for the person, if one is named.
    """
    artifact_ids = {
        f"{column}artifact_id": artifact.create(
            connection,
            project_id,
            sha256=sha256_of[media_type],
            media_type=media_type,
            user_id=user_id,
        )
        for media_type, column in (("text/html", ""), ("application/pdf", "pdf_"))
        if media_type in sha256_of
    }
    connection.execute(
        update(reports)
        .where(reports.c.id == report_id)
        .values(status="succeeded", message=None, **artifact_ids)
    )
    _tell(connection, report_id)


def _tell(connection: Connection, report_id: str) -> None:
    """Tell the project's webhooks how a report ended, if it is still there."""
    found = find(connection, report_id)
    if found is not None:
        facts = {"report_id": report_id, "name": found["name"], "status": found["status"]}
        delivery.emit(connection, found["project_id"], "report.ended", **facts)


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the reports of a project, oldest first."""
    return list_of_project(connection, reports, project_id)
