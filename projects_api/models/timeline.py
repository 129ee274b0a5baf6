"""The timeline of a project: its data sets and experiments in the order of time.

There is no table of events. What happened is what exists, so that the two can never disagree.
"""

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Label,
    bindparam,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.sql import Subquery

from projects_api.models.dataset import datasets
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.experiment import experiments
from projects_api.models.prepared import Prepared


def _no(column: Column[Any]) -> Label[Any]:
    """Stand for a column that one kind of event does not have, with the type of the other kind."""
    return cast(null(), column.type).label(column.name)


_DATASETS = (
    select(
        datasets.c.id,
        literal("dataset").label("type"),
        datasets.c.name,
        datasets.c.created_at.label("timestamp"),
        dataset_versions.c.rows,
        dataset_versions.c.columns,
        _no(experiments.c.status),
        _no(experiments.c.target_column),
        _no(experiments.c.problem_type),
        _no(experiments.c.best_model_type),
        _no(experiments.c.duration),
    )
    .join(
        dataset_versions,
        (dataset_versions.c.dataset_id == datasets.c.id)
        & (dataset_versions.c.version == datasets.c.version),
    )
    .where(datasets.c.project_id == bindparam("project_id"))
    .order_by(datasets.c.created_at, datasets.c.id)
    .limit(bindparam("reach"))
)
_EXPERIMENTS = (
    select(
        experiments.c.id,
        literal("experiment").label("type"),
        experiments.c.name,
        experiments.c.created_at.label("timestamp"),
        _no(dataset_versions.c.rows),
        _no(dataset_versions.c.columns),
        experiments.c.status,
        experiments.c.target_column,
        experiments.c.problem_type,
        experiments.c.best_model_type,
        experiments.c.duration,
    )
    .where(experiments.c.project_id == bindparam("project_id"))
    .order_by(experiments.c.created_at, experiments.c.id)
    .limit(bindparam("reach"))
)


def _page(events: Subquery) -> Prepared:
    return Prepared(
        select(events)
        .order_by(events.c.timestamp, events.c.id)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


# Each side is cut before the merge, so that a page reads its index and no more than it must.
_PAGES = {
    None: _page(
        union_all(select(_DATASETS.subquery()), select(_EXPERIMENTS.subquery())).subquery()
    ),
    "dataset": _page(_DATASETS.subquery()),
    "experiment": _page(_EXPERIMENTS.subquery()),
}
_FIELDS = {
    "dataset": ("id", "type", "name", "timestamp", "rows", "columns"),
    "experiment": (
        "id",
        "type",
        "name",
        "timestamp",
        "status",
        "target_column",
        "problem_type",
        "best_model_type",
        "duration",
    ),
}


def list_events(
    connection: Connection,
    project_id: str,
    *,
    kind: str | None,
    limit: int,
    offset: int,
) -> list[dict[str, Any]]:
    """List events, oldest first; `kind` keeps one kind of them."""
    rows = _PAGES[kind].all(
        connection, project_id=project_id, limit=limit, offset=offset, reach=limit + offset
    )
    return [{field: row[field] for field in _FIELDS[row["type"]]} for row in rows]
