"""Trained models: list, get, explain, ask, delete, download."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import ModelDeployed, ModelNotFound
from projects_api.contract import File
from projects_api.engines import MODEL_FORMATS
from projects_api.handlers.dataset_predictions import queue_dataset_prediction
from projects_api.handlers.translation import translated
from projects_api.models import deployment, trained_model
from projects_api.models.api_key import Caller
from projects_api.predictions import Predictions
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
        told = predictions.predict(
            model, inputs, caller.user_id, threshold=threshold, explain=options["explain"]
        )
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
    return queue_dataset_prediction(
        connection,
        caller,
        project["id"],
        model,
        dataset_version_id=dataset_version_id,
        threshold=options.get("threshold"),
        probabilities=options["probabilities"],
        name=name,
    )


def download_model(connection: Connection, artifacts: Artifacts, model: TrainedModel) -> File:
    """Send the file of a model."""
    media_type = "application/octet-stream"
    name = f"{model['name']}.{MODEL_FORMATS.get(model['engine'], 'skops')}"
    return stored_file(connection, artifacts, model, media_type=media_type, name=name)
