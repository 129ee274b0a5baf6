"""Deployments: list, create, get, ask, give feedback, move, measure drift."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    DeploymentInactive,
    DeploymentNotFound,
    ModelNotFound,
    NothingToRollBack,
)
from projects_api.database import Database
from projects_api.handlers.dataset_predictions import queue_dataset_prediction
from projects_api.handlers.translation import translated
from projects_api.models import deployment as deployments
from projects_api.models import deployment_input, trained_model
from projects_api.models.api_key import Caller
from projects_api.predictions import (
    Predictions,
    require_answers,
    require_signature,
    require_threshold,
)
from projects_api.predictions.truths import read_truths
from projects_api.schemas import (
    DatasetPredicted,
    Deployment,
    DeploymentCreated,
    DeploymentDrift,
    DeploymentEnvelope,
    DeploymentList,
    DeploymentStage,
    FeedbackKept,
    PredictionList,
    Project,
)


def list_deployments(
    connection: Connection, project: Project, limit: int, offset: int
) -> DeploymentList:
    """List the deployments of a project, newest first."""
    items, total = deployments.list_page(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_deployment(
    connection: Connection,
    project: Project,
    *,
    model_id: str,
    name: str,
    stage: DeploymentStage,
    traffic_percent: int,
    threshold: float | None = None,
) -> DeploymentCreated:
    """Deploy a model of the project."""
    model = trained_model.find(connection, model_id)
    if model is None or model["project_id"] != project["id"]:
        raise ModelNotFound
    with translated():
        require_answers(model["engine"])
        if threshold is not None:
            signature = trained_model.find_experiment_column(connection, model_id, "signature")
            require_threshold(signature, "/threshold")
    created = deployments.create(
        connection,
        project["id"],
        model_id=model_id,
        name=name,
        stage=stage,
        traffic_percent=traffic_percent,
        threshold=threshold,
    )
    return {"deployment_id": created["id"], "deployment": created}


def get_deployment(deployment: Deployment) -> DeploymentEnvelope:
    """Get a deployment."""
    return {"deployment": deployment}


def predict_with_deployment(
    connection: Connection,
    caller: Caller,
    database: Database,
    predictions: Predictions,
    *,
    deployment: Deployment,
    inputs: Any,
    options: dict[str, Any],
) -> PredictionList:
    """Ask a deployment about one row or about many, and keep the rows."""
    if deployment["status"] != "active":
        raise DeploymentInactive
    model = trained_model.find_for_prediction(connection, deployment["model_id"])
    if model is None:
        raise DeploymentNotFound
    with translated():
        threshold = options.get("threshold", deployment["threshold"])
        told = predictions.predict(
            model, inputs, caller.user_id, threshold=threshold, explain=options["explain"]
        )
    # In a transaction of its own: nobody else's writing waits while the model works.
    with database.transaction() as own:
        first = deployment_input.keep(own, deployment["id"], told.rows, told.as_kept())
        if first is None:
            raise DeploymentNotFound
    return told.as_answer(probabilities=options["probabilities"], first_row_id=first)


def predict_dataset_with_deployment(
    connection: Connection,
    caller: Caller,
    deployment: Deployment,
    *,
    dataset_version_id: str,
    options: dict[str, Any],
    name: str | None = None,
) -> DatasetPredicted:
    """Queue the job that asks a deployment about a version of a data set."""
    if deployment["status"] != "active":
        raise DeploymentInactive
    model = trained_model.find(connection, deployment["model_id"])
    if model is None:
        raise DeploymentNotFound
    return queue_dataset_prediction(
        connection,
        caller,
        deployment["project_id"],
        model,
        dataset_version_id=dataset_version_id,
        threshold=options.get("threshold", deployment["threshold"]),
        probabilities=options["probabilities"],
        name=name,
        deployed_as=deployment["name"],
    )


def give_feedback(
    connection: Connection,
    database: Database,
    *,
    deployment: Deployment,
    truths: list[dict[str, Any]],
) -> FeedbackKept:
    """Keep what turned out about rows that a deployment was asked about."""
    model_id = deployment["model_id"]
    signature = trained_model.find_experiment_column(connection, model_id, "signature")
    with translated():
        require_signature(signature)
        told = read_truths(signature, truths)
    with database.transaction() as own:
        unknown = deployment_input.tell(own, deployment["id"], told)
    return {"kept": len(told) - len(unknown), "unknown_row_ids": sorted(unknown)}


def promote_deployment(
    connection: Connection, deployment: Deployment, to_stage: DeploymentStage
) -> DeploymentEnvelope:
    """Make a deployment active in a stage."""
    return {"deployment": deployments.promote(connection, deployment, to_stage)}


def rollback_deployment(connection: Connection, deployment: Deployment) -> DeploymentEnvelope:
    """Put the deployment that this one replaced back into production."""
    former = deployments.roll_back(connection, deployment)
    if former is None:
        raise NothingToRollBack
    return {"deployment": former}


def deactivate_deployment(connection: Connection, deployment: Deployment) -> DeploymentEnvelope:
    """Let a deployment answer no longer."""
    return {"deployment": deployments.deactivate(connection, deployment)}


def get_drift(
    connection: Connection, caller: Caller, predictions: Predictions, deployment: Deployment
) -> DeploymentDrift:
    """Measure how far what a deployment was asked is from what its model was trained on."""
    model = trained_model.find_for_monitoring(connection, deployment["model_id"])
    rows = deployment_input.list_newest(connection, deployment["id"])
    answers = deployment_input.list_answers(connection, deployment["id"])
    with translated():
        drift = predictions.measure_drift(model, rows, answers, caller.user_id)
    return {"deployment_id": deployment["id"], "drift": drift}
