"""The timeline of a project: its data sets and experiments in the order of time.

There is no table of events. What happened is what exists, so that the two can never disagree.
"""

from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, func, literal, select, union_all

from projects_api.models.dataset import datasets
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.experiment import experiments
from projects_api.models.statements import DriverStatement


def _moments(table: Table, kind: str, *, cut: bool) -> Select[Any]:
    """Find when things of a kind came to be: an index has all of it."""
    moments = select(
        table.c.id, literal(kind).label("type"), table.c.created_at.label("timestamp")
    ).where(table.c.project_id == bindparam("project_id"))
    if not cut:
        return moments
    moments = moments.order_by(table.c.created_at, table.c.id).limit(bindparam("reach"))
    return select(moments.subquery())


def _page(*kinds: Select[Any]) -> DriverStatement:
    """Build a page, which is cut from the indexes before any of the tables is read."""
    moments = (union_all(*kinds) if len(kinds) > 1 else kinds[0]).subquery()
    events = (
        select(moments)
        .order_by(moments.c.timestamp, moments.c.id)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
        .subquery()
    )
    shown = (
        select(
            events,
            func.coalesce(datasets.c.name, experiments.c.name).label("name"),
            dataset_versions.c.rows,
            dataset_versions.c.columns,
            experiments.c.status,
            experiments.c.target_column,
            experiments.c.problem_type,
            experiments.c.best_model_type,
            experiments.c.duration,
        )
        .outerjoin(datasets, (events.c.type == "dataset") & (datasets.c.id == events.c.id))
        .outerjoin(
            dataset_versions,
            (dataset_versions.c.dataset_id == datasets.c.id)
            & (dataset_versions.c.version == datasets.c.version),
        )
        .outerjoin(experiments, (events.c.type == "experiment") & (experiments.c.id == events.c.id))
        .order_by(events.c.timestamp, events.c.id)
    )
    return DriverStatement(shown)


def _pages(*, cut: bool) -> dict[str | None, DriverStatement]:
    of_datasets = _moments(datasets, "dataset", cut=cut)
    of_experiments = _moments(experiments, "experiment", cut=cut)
    return {
        None: _page(of_datasets, of_experiments),
        "dataset": _page(of_datasets),
        "experiment": _page(of_experiments),
    }


# PostgreSQL merges two indexes where each side is cut already, SQLite where neither is.
_PAGES = {"postgresql": _pages(cut=True), "sqlite": _pages(cut=False)}
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
) -> list[Any]:
    """List events, oldest first; `kind` keeps one kind of them."""
    parameters: dict[str, Any] = {"project_id": project_id, "limit": limit, "offset": offset}
    if connection.dialect.name == "postgresql":
        parameters["reach"] = limit + offset
    rows = _PAGES[connection.dialect.name][kind].all(connection, **parameters)
    return [{field: row[field] for field in _FIELDS[row["type"]]} for row in rows]
