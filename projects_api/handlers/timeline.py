"""Timeline: what happened in a project."""

from typing import Any

from sqlalchemy import Connection

from projects_api.models import timeline


def get_timeline(
    connection: Connection,
    project: dict[str, Any],
    limit: int,
    offset: int,
    type: str | None = None,  # noqa: A002 - the contract's name for it
) -> dict[str, Any]:
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
