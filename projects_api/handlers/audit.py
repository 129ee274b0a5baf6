"""Audit: who changed what and who was refused, in a project or, for operators, anywhere."""

from sqlalchemy import Connection

from projects_api.models import audit
from projects_api.models.base import in_utc
from projects_api.schemas import AuditList, Project


def list_audit_entries(
    connection: Connection, project: Project, limit: int, offset: int
) -> AuditList:
    """List what was done in a project, newest first."""
    items, total = audit.list_for_project(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def list_all_audit_entries(
    connection: Connection,
    *,
    limit: int,
    offset: int,
    user_id: str | None = None,
    project_id: str | None = None,
    operation: str | None = None,
    status: int | None = None,
    since: str | None = None,
) -> AuditList:
    """List what was done on the server, newest first; of entries that have all that is given."""
    items, total = audit.list_page(
        connection,
        since=since and in_utc(since),
        limit=limit,
        offset=offset,
        user_id=user_id,
        project_id=project_id,
        operation=operation,
        status=status,
    )
    return {"items": items, "total": total, "limit": limit, "offset": offset}
