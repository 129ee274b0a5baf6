"""Experiments: trainings on a data set of a project."""

from typing import Any

from sqlalchemy import JSON, Connection, Float, Index, Text, insert
from sqlmodel import Field, SQLModel

from projects_api.models import project
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    one_of,
    table_of,
)

STATUSES = ("queued", "running", "succeeded", "completed", "failed", "cancelled")
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


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the experiments of a project, oldest first."""
    return list_of_project(connection, experiments, project_id)
