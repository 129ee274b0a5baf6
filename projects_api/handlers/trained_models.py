"""Trained models: list, get, explain, ask, delete, download."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import DatasetVersionNotFound, ModelDeployed, ModelNotFound
from projects_api.contract import File
from projects_api.engines import MODEL_FORMATS
from projects_api.handlers.translation import translated
from projects_api.models import dataset, dataset_version, deployment, job, trained_model
from projects_api.models.api_key import Caller
from projects_api.models.base import new_id
from projects_api.predictions import (
    Predictions,
    require_answers,
    require_signature,
    require_threshold,
)
from projects_api.schemas import (
    DatasetPredicted,
    PredictionList,
    Project,
    TrainedModel,
    TrainedModelEnvelope,
    TrainedModelEvaluation,
    TrainedModelExplanation,
    TrainedModelList,
    TrainedModelParameters,
)
from projects_api.storage.artifacts import Artifacts, stored_file

MAX_NAME = 255
MAX_SECONDS = 1800.0
"""How long a model may be asked about a data set."""


def list_models(
    connection: Connection,
    project: Project,
    limit: int,
    offset: int,
    experiment_id: str | None = None,
) -> TrainedModelList:
    """List the models of a project, or of one experiment in it, best first."""
    items, total = trained_model.list_page(
        connection, project["id"], experiment_id, limit=limit, offset=offset
    )
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def get_model(connection: Connection, model: TrainedModel) -> TrainedModelEnvelope:
    """Get a model, and what it takes and gives."""
    answer: TrainedModelEnvelope = {"model": model}
    if signature := trained_model.find_experiment_column(connection, model["id"], "signature"):
        answer["signature"] = signature
    return answer


def delete_model(connection: Connection, project: Project, model_id: str) -> dict[str, Any]:
    """Delete a model with its file, unless it is deployed."""
    if deployment.answers(connection, model_id=model_id):
        raise ModelDeployed
    if not trained_model.remove(connection, project["id"], model_id):
        raise ModelNotFound
    return {"ok": True}


def explain_model(connection: Connection, model_id: str) -> TrainedModelExplanation:
    """Get which inputs a model goes by."""
    explanation = trained_model.find_column(connection, model_id, "explanation")
    return {"model_id": model_id, "explanation": explanation}


def get_model_evaluation(connection: Connection, model_id: str) -> TrainedModelEvaluation:
    """Get how a model did on the rows that were held out of its training."""
    evaluation = trained_model.find_column(connection, model_id, "evaluation")
    return {"model_id": model_id, "evaluation": evaluation}


def get_model_parameters(connection: Connection, model_id: str) -> TrainedModelParameters:
    """Get the parameters that a model was trained with."""
    parameters = trained_model.find_column(connection, model_id, "parameters")
    return {"model_id": model_id, "parameters": parameters}


def predict(
    connection: Connection,
    caller: Caller,
    predictions: Predictions,
    *,
    model_id: str,
    inputs: Any,
    options: dict[str, Any],
) -> PredictionList:
    """Ask a model about one row or about many."""
    model = trained_model.find_for_prediction(connection, model_id)
    if model is None:
        raise ModelNotFound
    with translated():
        threshold = options.get("threshold")
        told = predictions.predict(model, inputs, caller.user_id, threshold=threshold)
    return told.as_answer(probabilities=options["probabilities"])


def predict_dataset(
    connection: Connection,
    caller: Caller,
    project: Project,
    model: TrainedModel,
    *,
    dataset_version_id: str,
    options: dict[str, Any],
    name: str | None = None,
) -> DatasetPredicted:
    """Queue the job that asks a model about a version of a data set."""
    table = dataset_version.find_in_project(connection, project["id"], dataset_version_id)
    if table is None:
        raise DatasetVersionNotFound
    signature = trained_model.find_experiment_column(connection, model["id"], "signature")
    with translated():
        require_answers(model["engine"])
        require_signature(signature)
        if options.get("threshold") is not None:
            require_threshold(signature, "/options/threshold")
    of = dataset.find_name_of_version(connection, dataset_version_id)
    told = f"What the model {model['name']} says of the rows of {of}."
    dataset_id = new_id()
    job_id = job.create(
        connection,
        user_id=caller.user_id,
        project_id=project["id"],
        kind="predict",
        entity_id=dataset_id,
        arguments={
            "model_id": model["id"],
            "dataset_version_id": dataset_version_id,
            "name": name or f"{of}, predicted by {model['name']}"[:MAX_NAME],
            "description": told,
            "threshold": options.get("threshold"),
            "probabilities": options["probabilities"],
        },
        max_runtime_seconds=MAX_SECONDS,
    )
    return {"job_id": job_id, "dataset_id": dataset_id}


def download_model(connection: Connection, artifacts: Artifacts, model: TrainedModel) -> File:
    """Send the file of a model."""
    media_type = "application/octet-stream"
    name = f"{model['name']}.{MODEL_FORMATS.get(model['engine'], 'skops')}"
    return stored_file(connection, artifacts, model, media_type=media_type, name=name)
