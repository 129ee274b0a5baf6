"""Projects: list, create, get, update, delete."""

from typing import Any

from sqlalchemy import Connection

from projects_api.models import project as projects
from projects_api.models.api_key import Caller
from projects_api.schemas import Project, ProjectCreated, ProjectEnvelope, ProjectList


def list_projects(
    connection: Connection,
    caller: Caller,
    *,
    limit: int,
    offset: int,
    sort_field: str,
    sort_direction: str,
    search: str | None = None,
) -> ProjectList:
    """List the projects that the caller owns or that are shared with the caller."""
    items, total = projects.list_for_member(
        connection,
        caller.user_id,
        search=search,
        sort_field=sort_field,
        sort_direction=sort_direction,
        limit=limit,
        offset=offset,
    )
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_project(
    connection: Connection, caller: Caller, name: str, description: str
) -> ProjectCreated:
    """Create a project that the caller owns."""
    project = projects.create(connection, caller.user_id, name=name, description=description)
    return {"project_id": project["id"], "project": project}


def get_project(project: Project) -> ProjectEnvelope:
    """Get a project."""
    return {"project": project}


def update_project(
    connection: Connection, project: Project, name: str, description: str | None = None
) -> ProjectEnvelope:
    """Change a project's name, and its description where one is given."""
    kept = project["description"] if description is None else description
    return {"project": projects.change(connection, project, name=name, description=kept)}


def delete_project(connection: Connection, project: Project) -> dict[str, Any]:
    """Delete a project with everything that belongs to it."""
    projects.remove(connection, project["id"])
    return {"ok": True}
