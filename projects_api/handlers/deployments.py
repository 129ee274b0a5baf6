"""Deployments: list, create, get, ask, promote, roll back, deactivate, measure drift."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    DeploymentInactive,
    DeploymentNotFound,
    ModelNotFound,
    NothingToRollBack,
)
from projects_api.database import Database
from projects_api.handlers.translation import translated
from projects_api.models import deployment, deployment_input, trained_model
from projects_api.predictions import Predictions, require_answers


def list_deployments(
    connection: Connection, project: dict[str, Any], limit: int, offset: int
) -> dict[str, Any]:
    """List the deployments of a project, newest first."""
    items, total = deployment.list_page(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_deployment(
    connection: Connection,
    project: dict[str, Any],
    *,
    model_id: str,
    name: str,
    stage: str,
    traffic_percent: int,
) -> dict[str, Any]:
    """Deploy a model of the project."""
    model = trained_model.find(connection, model_id)
    if model is None or model["project_id"] != project["id"]:
        raise ModelNotFound
    with translated():
        require_answers(model["engine"])
    created = deployment.create(
        connection,
        project["id"],
        model_id=model_id,
        name=name,
        stage=stage,
        traffic_percent=traffic_percent,
    )
    return {"deployment_id": created["id"], "deployment": created}


def get_deployment(connection: Connection, deployment_id: str) -> dict[str, Any]:
    """Get a deployment."""
    return {"deployment": _find(connection, deployment_id)}


def predict_with_deployment(
    connection: Connection,
    database: Database,
    predictions: Predictions,
    *,
    deployment_id: str,
    inputs: Any,
    options: dict[str, bool],
) -> dict[str, Any]:
    """Ask a deployment about one row or about many, and keep the rows."""
    found = _find(connection, deployment_id)
    if found["status"] != "active":
        raise DeploymentInactive
    model = trained_model.find_for_prediction(connection, found["model_id"])
    if model is None:
        raise DeploymentNotFound
    with translated():
        told = predictions.predict(model, inputs)
    # In a transaction of its own: nobody else's writing waits while the model works.
    with database.transaction() as own:
        if not deployment_input.keep(own, deployment_id, told.rows):
            raise DeploymentNotFound
    return told.as_answer(**options)


def promote_deployment(connection: Connection, deployment_id: str, to_stage: str) -> dict[str, Any]:
    """Make a deployment active in a stage."""
    found = _find(connection, deployment_id)
    return {"deployment": deployment.promote(connection, found, to_stage)}


def rollback_deployment(connection: Connection, deployment_id: str) -> dict[str, Any]:
    """Put the deployment that this one replaced back into production."""
    former = deployment.roll_back(connection, _find(connection, deployment_id))
    if former is None:
        raise NothingToRollBack
    return {"deployment": former}


def deactivate_deployment(connection: Connection, deployment_id: str) -> dict[str, Any]:
    """Let a deployment answer no longer."""
    found = _find(connection, deployment_id)
    return {"deployment": deployment.deactivate(connection, found)}


def get_drift(
    connection: Connection, predictions: Predictions, deployment_id: str
) -> dict[str, Any]:
    """Measure how far what a deployment was asked is from what its model was trained on."""
    found = _find(connection, deployment_id)
    reference = trained_model.find_experiment_column(connection, found["model_id"], "reference")
    rows = deployment_input.list_newest(connection, deployment_id)
    drift = predictions.measure_drift(found["project_id"], reference, rows)
    return {"deployment_id": deployment_id, "drift": drift}


def _find(connection: Connection, deployment_id: str) -> dict[str, Any]:
    found = deployment.find(connection, deployment_id)
    if found is None:
        raise DeploymentNotFound
    return found
