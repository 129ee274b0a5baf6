"""Experiments: trainings on a data set of a project."""

from collections.abc import Sequence
from typing import Any, TypedDict, get_args

from sqlalchemy import (
    JSON,
    Connection,
    Float,
    Index,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import job, project
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    one_of,
    row_of,
    table_of,
)
from projects_api.models.job import jobs
from projects_api.models.statements import Listing

STATUSES = get_args(schemas.ExperimentStatus)
SUCCESSES = ("succeeded", "completed")
GRACE_SECONDS = 600.0
"""What a training may take beside the search: to prepare the table, and to test the models."""
_NOT_STARTED = {
    "status": "queued",
    "model_count": 0,
    "best_model_type": None,
    "duration": None,
    "message": None,
}
PROBLEM_TYPES = ("classification", "regression")


class Experiment(SQLModel, table=True):
    """A training; `duration` is in seconds.

    `signature` says what its models take and give, `reference` what the training data looked like,
    for drift to be measured against; `engine_runs` tells how each engine fared.
    """

    __tablename__ = "experiments"
    __table_args__ = (
        one_of("status", STATUSES),
        one_of("problem_type", PROBLEM_TYPES),
        Index(None, "project_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    dataset_version_id: str | None = Field(
        default=None,
        foreign_key="dataset_versions.id",
        ondelete="SET NULL",
        index=True,
        sa_type=Identifier,
    )
    name: str = Field(sa_type=binary_text(255))
    status: str = Field(max_length=16)
    target_column: str = Field(max_length=255)
    problem_type: str = Field(max_length=16)
    best_model_type: str | None = Field(default=None, max_length=64)
    duration: float | None = Field(default=None, sa_type=Float)
    engine: str = Field(default="flaml", max_length=16)
    execution_mode: str = Field(default="single", max_length=16)
    config: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    message: str | None = Field(default=None, sa_type=Text)
    signature: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    reference: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    engine_runs: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    job_id: str | None = Field(default=None, sa_type=Identifier)
    started_at: str | None = Field(default=None, sa_type=Timestamp)
    finished_at: str | None = Field(default=None, sa_type=Timestamp)
    created_at: str = Field(sa_type=Timestamp)


experiments = table_of(Experiment)

_SHOWN = (
    experiments.c.id,
    experiments.c.project_id,
    experiments.c.dataset_version_id,
    experiments.c.name,
    experiments.c.status,
    experiments.c.target_column,
    experiments.c.problem_type,
    experiments.c.engine,
    experiments.c.execution_mode,
    experiments.c.config,
    experiments.c.best_model_type,
    experiments.c.duration,
    experiments.c.message,
    experiments.c.job_id,
    experiments.c.created_at,
    experiments.c.started_at,
    experiments.c.finished_at,
)
_LISTING = Listing(
    select(*_SHOWN),
    experiments.c.project_id == bindparam("project_id"),
    experiments.c.created_at.desc(),
    experiments.c.id.desc(),
)
_ORDER = (
    experiments.c.id,
    experiments.c.project_id,
    experiments.c.dataset_version_id,
    experiments.c.target_column,
    experiments.c.problem_type,
    experiments.c.execution_mode,
    experiments.c.config,
    experiments.c.engine_runs,
    experiments.c.started_at,
)
_PROGRESS = select(
    experiments.c.id.label("experiment_id"),
    experiments.c.job_id,
    experiments.c.status,
    jobs.c.progress,
    jobs.c.stage,
    jobs.c.seconds_left,
    experiments.c.message,
).outerjoin(jobs, jobs.c.id == experiments.c.job_id)


def create(connection: Connection, project_id: str, **facts: Any) -> str:
    """Keep an experiment; `facts` are the columns beside ids and time. Return the new id."""
    experiment_id = new_id()
    connection.execute(
        insert(experiments).values(
            id=experiment_id, project_id=project_id, created_at=now(), **facts
        )
    )
    project.count(connection, project_id, "experiment_count", 1)
    return experiment_id


class ExperimentIds(TypedDict):
    """The ids of an experiment that was just started, and of its job."""

    experiment_id: str
    job_id: str


def start(
    connection: Connection,
    project_id: str,
    user_id: str,
    *,
    engines: Sequence[str],
    execution_mode: str,
    config: dict[str, Any],
    use_gpu: bool,
    **facts: Any,
) -> ExperimentIds:
    """Keep an experiment and queue the job that trains; return the ids of both.

    `config` has `max_runtime_secs`, which each engine may take in its turn; `facts` are the columns
    that say what is to be learnt from what.
    """
    experiment_id = create(
        connection,
        project_id,
        status="queued",
        engine=engines[0],
        execution_mode=execution_mode,
        config=config,
        engine_runs=[{**_NOT_STARTED, "engine": one} for one in engines],
        **facts,
    )
    turns = 1 if execution_mode == "parallel" else len(engines)
    job_id = job.create(
        connection,
        user_id=user_id,
        project_id=project_id,
        kind="train",
        entity_id=experiment_id,
        arguments={"use_gpu": use_gpu},
        max_runtime_seconds=config["max_runtime_secs"] * turns + GRACE_SECONDS,
    )
    change(connection, experiment_id, job_id=job_id)
    return {"experiment_id": experiment_id, "job_id": job_id}


def change(connection: Connection, experiment_id: str, **values: Any) -> bool:
    """Change columns of an experiment; tell whether it exists."""
    statement = update(experiments).where(experiments.c.id == experiment_id).values(**values)
    return connection.execute(statement).rowcount == 1


def find(connection: Connection, experiment_id: str) -> schemas.Experiment | None:
    """Find what callers see of an experiment."""
    return row_of(connection.execute(select(*_SHOWN).where(experiments.c.id == experiment_id)))


def find_for_training(connection: Connection, experiment_id: str) -> dict[str, Any] | None:
    """Find what a training needs to know of its experiment."""
    statement = select(*_ORDER).where(experiments.c.id == experiment_id)
    return row_of(connection.execute(statement))


def find_engine_runs(connection: Connection, experiment_id: str) -> list[schemas.EngineRun] | None:
    """Find how each engine of an experiment fared."""
    statement = select(experiments.c.engine_runs).where(experiments.c.id == experiment_id)
    found: list[schemas.EngineRun] | None = connection.scalar(statement)
    return found


def find_progress(connection: Connection, experiment_id: str) -> schemas.ExperimentProgress | None:
    """Find how far an experiment is, as far as its job tells."""
    found = row_of(connection.execute(_PROGRESS.where(experiments.c.id == experiment_id)))
    if found is None:
        return None
    if found["status"] not in job.OPEN:
        found |= {"stage": None, "seconds_left": None}
    if found["status"] in SUCCESSES:
        found["progress"] = 100.0
    elif found["progress"] is None:
        found["progress"] = 0.0
    return found


def list_page(
    connection: Connection, project_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.Experiment], int]:
    """List the experiments of a project, newest first, and tell how many there are in all."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


def remove(connection: Connection, project_id: str, experiment_id: str) -> None:
    """Remove an experiment, whose models are gone already."""
    connection.execute(delete(experiments).where(experiments.c.id == experiment_id))
    project.count(connection, project_id, "experiment_count", -1)


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the experiments of a project, oldest first."""
    return list_of_project(connection, experiments, project_id)
