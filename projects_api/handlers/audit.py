"""Audit: who changed what in a project, and who was refused."""

from sqlalchemy import Connection

from projects_api.models import audit
from projects_api.schemas import AuditList, Project


def list_audit_entries(
    connection: Connection, project: Project, limit: int, offset: int
) -> AuditList:
    """List what was done in a project, newest first."""
    items, total = audit.list_for_project(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}
