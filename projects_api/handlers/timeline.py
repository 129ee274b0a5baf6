"""Timeline: what happened in a project."""

from sqlalchemy import Connection

from projects_api.models import timeline
from projects_api.schemas import Project, Timeline


def get_timeline(
    connection: Connection,
    project: Project,
    limit: int,
    offset: int,
    type: str | None = None,  # noqa: A002 - the contract's name for it
) -> Timeline:
    """List what happened in a project, oldest first."""
    events = timeline.list_events(connection, project["id"], kind=type, limit=limit, offset=offset)
    counts = {"dataset": project["dataset_count"], "experiment": project["experiment_count"]}
    total = counts[type] if type else sum(counts.values())
    return {
        "project_id": project["id"],
        "events": events,
        "total": total,
        "limit": limit,
        "offset": offset,
        "has_more": offset + len(events) < total,
    }
