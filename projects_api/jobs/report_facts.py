"""What a report tells: rows of the tables, gathered for one report."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, exists, null, select

from projects_api.models import deployment_input, report
from projects_api.models.artifact import artifacts
from projects_api.models.base import now, rows_of
from projects_api.models.blob import blobs
from projects_api.models.dataset import datasets
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.deployment import deployments
from projects_api.models.experiment import experiments
from projects_api.models.project import projects
from projects_api.models.trained_model import trained_models

MAX_ROWS = 50
"""The data sets, experiments and deployments that the report of a project lists at most."""
MAX_DETAILED = 5
"""The experiments that it goes into, the newest that have models."""
_HEAVY = {
    experiments: ("signature", "reference", "engine_runs"),
    trained_models: ("parameters", "explanation", "evaluation"),
}


def gather(connection: Connection, report_id: str) -> dict[str, Any] | None:
    """Return what `rendering.render` takes; `None` where what the report is about is gone.

    Of a deployment there are the rows that it was `asked` about, for drift to be measured on. Read
    it in one snapshot.
    """
    found = report.find(connection, report_id)
    if found is None:
        return None
    project = projects.c.id == found["project_id"]
    facts: dict[str, Any] = {
        "kind": found["kind"],
        "title": found["name"],
        "sections": found["options"].get("sections"),
        "created_at": now(),
        "entity_id": found["entity_id"],
        "project": _rows(connection, projects, project)[0],
        "deployments": [],
    }
    if found["kind"] == "project":
        return facts | _of_project(connection, found["project_id"])
    training = _of_training(connection, found["kind"], found["entity_id"])
    if training is None:
        return None
    if found["kind"] == "deployment":
        facts["asked"] = deployment_input.list_newest(connection, found["entity_id"])
    return facts | training


def _of_project(connection: Connection, project_id: str) -> dict[str, Any]:
    here = experiments.c.project_id == project_id
    has_models = exists().where(trained_models.c.experiment_id == experiments.c.id)
    detailed = {
        one["id"]: one
        for one in _rows(connection, experiments, here & has_models, MAX_DETAILED, heavy=True)
    }
    newest = datasets.c.version == dataset_versions.c.version
    return {
        "datasets": _datasets(connection, newest & (datasets.c.project_id == project_id)),
        "experiments": [
            detailed.get(one["id"], one) for one in _rows(connection, experiments, here, MAX_ROWS)
        ],
        "detailed": list(detailed.values()),
        "models": _models(connection, detailed),
        "deployments": _deployments(connection, deployments.c.project_id == project_id),
    }


def _of_training(connection: Connection, kind: str, entity_id: str) -> dict[str, Any] | None:
    """Gather an experiment, or the one that a model or a deployment comes from."""
    served = _deployments(connection, deployments.c.id == entity_id) if kind == "deployment" else []
    model_id = served[0]["model_id"] if served else entity_id
    wanted = experiments.c.id == entity_id
    if kind != "experiment":
        origin = select(trained_models.c.experiment_id).where(trained_models.c.id == model_id)
        wanted = experiments.c.id == origin.scalar_subquery()
    found = _rows(connection, experiments, wanted, heavy=True)
    if not found:
        return None
    shown = [model_id] if kind != "experiment" else []
    return {
        "experiments": found,
        "models": _models(connection, [found[0]["id"]], shown),
        "datasets": _datasets(connection, dataset_versions.c.id == found[0]["dataset_version_id"]),
        "deployments": served,
        "model_id": None if kind == "experiment" else model_id,
    }


def _rows(
    connection: Connection,
    table: Table,
    condition: ColumnElement[bool],
    limit: int | None = None,
    *,
    heavy: bool = False,
) -> list[dict[str, Any]]:
    """Read rows, newest first; what is large about them is null unless it is asked for."""
    left_out = () if heavy else _HEAVY.get(table, ())
    columns = [null().label(one.name) if one.name in left_out else one for one in table.c]
    statement = select(*columns).where(condition).limit(limit)
    return rows_of(
        connection.execute(statement.order_by(table.c.created_at.desc(), table.c.id.desc()))
    )


def _models(
    connection: Connection, experiment_ids: Iterable[str], shown: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Read the models of experiments in the order of their leaderboards.

    Those that are shown closely, or else the best, come with all that is known about them.
    """
    here = trained_models.c.experiment_id.in_(list(experiment_ids))
    models = _rows(connection, trained_models, here)
    models.sort(key=lambda one: (one["rank"], one["id"]))
    closely = list(shown) or _best_of_each(models)
    whole = {
        one["id"]: one
        for one in _rows(connection, trained_models, trained_models.c.id.in_(closely), heavy=True)
    }
    return [whole.get(one["id"], one) for one in models]


def _best_of_each(models: list[dict[str, Any]]) -> list[str]:
    best: dict[str, str] = {}
    for one in sorted(models, key=lambda one: not one["is_best"]):
        best.setdefault(one["experiment_id"], one["id"])
    return list(best.values())


def _datasets(connection: Connection, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
    statement = (
        select(
            datasets.c.name,
            dataset_versions.c.dataset_id,
            dataset_versions.c.version,
            dataset_versions.c.rows,
            dataset_versions.c.columns,
            dataset_versions.c.quality,
            blobs.c.size_bytes,
        )
        .join(dataset_versions, dataset_versions.c.dataset_id == datasets.c.id)
        .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
        .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
        .where(condition)
        .order_by(datasets.c.created_at.desc(), datasets.c.id.desc())
        .limit(MAX_ROWS)
    )
    return rows_of(connection.execute(statement))


def _deployments(connection: Connection, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
    statement = (
        select(*deployments.c, trained_models.c.name.label("model_name"))
        .join(trained_models, trained_models.c.id == deployments.c.model_id)
        .where(condition)
        .order_by(deployments.c.created_at.desc(), deployments.c.id.desc())
        .limit(MAX_ROWS)
    )
    return rows_of(connection.execute(statement))
