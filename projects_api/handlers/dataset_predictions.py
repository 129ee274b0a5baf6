"""What asks a model, or a deployment's, about a whole data set: both queue the same job."""

from sqlalchemy import Connection

from projects_api.access.problems import DatasetVersionNotFound
from projects_api.handlers.translation import translated
from projects_api.models import dataset, dataset_version, job, trained_model
from projects_api.models.api_key import Caller
from projects_api.models.base import new_id
from projects_api.predictions import require_answers, require_signature, require_threshold
from projects_api.schemas import DatasetPredicted, TrainedModel

MAX_NAME = 255
LARGE_ROWS = 1_000_000
"""From so many rows on, asking is long work: it waits beside trainings, and Ray does it if it does
those. Fewer take a minute, and less."""
MAX_SECONDS = {"predict": 1800.0, "predict_large": 6 * 3600.0}
"""How long a model may be asked about a data set."""


def queue_dataset_prediction(
    connection: Connection,
    caller: Caller,
    project_id: str,
    model: TrainedModel,
    *,
    dataset_version_id: str,
    threshold: float | None,
    probabilities: bool,
    name: str | None,
    deployed_as: str | None = None,
) -> DatasetPredicted:
    """Queue the job that asks a model about a version of a data set, as it is deployed if it is."""
    table = dataset_version.find_in_project(connection, project_id, dataset_version_id)
    if table is None:
        raise DatasetVersionNotFound
    signature = trained_model.find_experiment_column(connection, model["id"], "signature")
    with translated():
        require_answers(model["engine"])
        require_signature(signature)
        if threshold is not None:
            require_threshold(signature, "/options/threshold")
    of = dataset.find_name_of_version(connection, dataset_version_id)
    by = model["name"] if deployed_as is None else deployed_as
    who = "model" if deployed_as is None else "deployment"
    kind = "predict" if table["rows"] < LARGE_ROWS else "predict_large"
    dataset_id = new_id()
    job_id = job.create(
        connection,
        user_id=caller.user_id,
        project_id=project_id,
        kind=kind,
        entity_id=dataset_id,
        arguments={
            "model_id": model["id"],
            "dataset_version_id": dataset_version_id,
            "name": name or f"{of}, predicted by {by}"[:MAX_NAME],
            "description": f"What the {who} {by} says of the rows of {of}.",
            "threshold": threshold,
            "probabilities": probabilities,
        },
        max_runtime_seconds=MAX_SECONDS[kind],
    )
    return {"job_id": job_id, "dataset_id": dataset_id}
