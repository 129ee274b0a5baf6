"""Trained models: what an experiment produced, with its metrics and its binary."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Connection, Float, Index, insert
from sqlmodel import Field, SQLModel

from projects_api.models import artifact, project
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    table_of,
)


class TrainedModel(SQLModel, table=True):
    """A model; `model_type` is the family, such as `GBM` or `GLM`.

    `rank` is its place in its experiment's leaderboard, from 1. `explanation` holds what the
    model goes by, `evaluation` the curves and tables of its test on unseen rows.
    """

    __tablename__ = "trained_models"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    experiment_id: str = Field(
        foreign_key="experiments.id", ondelete="CASCADE", index=True, sa_type=Identifier
    )
    artifact_id: str = Field(
        foreign_key="artifacts.id", ondelete="CASCADE", index=True, sa_type=Identifier
    )
    name: str = Field(sa_type=binary_text(255))
    model_type: str = Field(max_length=64)
    engine: str = Field(default="flaml", max_length=16)
    rank: int = Field(default=1, sa_type=BigInteger)
    is_best: bool = Field(default=False, sa_type=Boolean)
    metrics: dict[str, Any] = Field(sa_type=JSON)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    explanation: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    evaluation: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    training_seconds: float | None = Field(default=None, sa_type=Float)
    created_at: str = Field(sa_type=Timestamp)


trained_models = table_of(TrainedModel)


def create(
    connection: Connection,
    project_id: str,
    experiment_id: str,
    *,
    name: str,
    model_type: str,
    metrics: dict[str, float],
    sha256: str,
    media_type: str,
) -> str:
    """Keep a model whose binary is in the store; return the new id."""
    model_id = new_id()
    artifact_id = artifact.create(connection, project_id, sha256=sha256, media_type=media_type)
    connection.execute(
        insert(trained_models).values(
            id=model_id,
            project_id=project_id,
            experiment_id=experiment_id,
            artifact_id=artifact_id,
            name=name,
            model_type=model_type,
            metrics=metrics,
            created_at=now(),
        )
    )
    project.count(connection, project_id, "model_count", 1)
    return model_id


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the models of a project, oldest first."""
    return list_of_project(connection, trained_models, project_id)
