"""Reports: documents about a project, an experiment, a model or a deployment."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    DeploymentNotFound,
    ExperimentNotFound,
    ModelNotFound,
    ProjectNotFound,
    ReportNotReady,
)
from projects_api.contract import File
from projects_api.contract.problems import ContractViolation
from projects_api.models import report as reports
from projects_api.models.api_key import Caller
from projects_api.schemas import Project, Report, ReportCreated, ReportEnvelope, ReportList
from projects_api.storage.artifacts import Artifacts, stored_file

MEDIA_TYPES = {"html": "text/html", "pdf": "application/pdf"}
NOT_FOUND = {
    "project": ProjectNotFound,
    "experiment": ExperimentNotFound,
    "model": ModelNotFound,
    "deployment": DeploymentNotFound,
}


def create_report(
    connection: Connection,
    caller: Caller,
    project: Project,
    *,
    kind: str,
    entity_id: str | None = None,
    options: dict[str, Any] | None = None,
) -> ReportCreated:
    """Keep a report, and queue the job that renders it."""
    options = options or {}
    entity_id = entity_id or (project["id"] if kind == "project" else None)
    if entity_id is None:
        raise _missing_entity(kind)
    name = reports.find_name(connection, project["id"], kind, entity_id)
    if name is None:
        raise NOT_FOUND[kind]
    facts = {"kind": kind, "entity_id": entity_id, "options": options}
    name = options.get("title") or name
    made, job_id = reports.request(connection, project["id"], caller.user_id, name=name, **facts)
    return {"report_id": made["id"], "job_id": job_id, "report": made}


def list_reports(
    connection: Connection,
    project: Project,
    limit: int,
    offset: int,
    kind: str | None = None,
) -> ReportList:
    """List the reports of a project, newest first."""
    items, total = reports.list_page(connection, project["id"], kind, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def get_report(report: Report) -> ReportEnvelope:
    """Get a report, without its documents."""
    return {"report": report}


def download_report(
    connection: Connection,
    artifacts: Artifacts,
    report: Report,
    format: str,  # noqa: A002 - the contract's name for it
) -> File:
    """Send one of a report's documents."""
    media_type = MEDIA_TYPES[format]
    document = reports.find_document(connection, report["id"], media_type)
    if document is None:
        raise _not_ready(report, format)
    name = f"{report['name'].removesuffix(f'.{format}')}.{format}"
    return stored_file(connection, artifacts, document, media_type=media_type, name=name)


def _missing_entity(kind: str) -> ContractViolation:
    fault = {
        "location": "body",
        "pointer": "/entity_id",
        "message": f"a report of the kind {kind} needs the id of what it is about",
    }
    return ContractViolation(f"Mend the request: body: {fault['message']}.", errors=[fault])


def _not_ready(found: Report, wanted: str) -> ReportNotReady:
    match found["status"]:
        case "failed":
            return ReportNotReady(f"The report failed: {found['message']} Create another one.")
        case "cancelled":
            return ReportNotReady("The report was cancelled. Create another one.")
        case "succeeded":
            return ReportNotReady(f"This report has no {wanted}. Ask for the other format.")
    return ReportNotReady(f"The report is {found['status']}. Ask again when its job has succeeded.")
