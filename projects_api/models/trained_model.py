"""Trained models: what an experiment produced, with its metrics and its binary."""

from typing import Any, TypedDict

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Float,
    Index,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import artifact, project
from projects_api.models.artifact import artifacts
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    new_id,
    now,
    row_of,
    table_of,
)
from projects_api.models.blob import blobs
from projects_api.models.experiment import experiments
from projects_api.models.statements import Listing


class TrainedModel(SQLModel, table=True):
    """A model; `model_type` is the family, such as `GBM` or `GLM`.

    `rank` is its place in its experiment's leaderboard, from 1. `explanation` holds what the
    model goes by, `evaluation` the curves and tables of its test on unseen rows.
    """

    __tablename__ = "trained_models"
    __table_args__ = (Index(None, "project_id", "experiment_id", "rank", "id"),)

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

_SHOWN = (
    select(
        trained_models.c.id,
        trained_models.c.project_id,
        trained_models.c.experiment_id,
        trained_models.c.name,
        trained_models.c.model_type,
        trained_models.c.engine,
        trained_models.c.rank,
        trained_models.c.is_best,
        trained_models.c.metrics,
        trained_models.c.training_seconds,
        blobs.c.size_bytes,
        artifacts.c.sha256,
        trained_models.c.created_at,
    )
    .join(artifacts, artifacts.c.id == trained_models.c.artifact_id)
    .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
)
_HERE = trained_models.c.project_id == bindparam("project_id")
_BEST_FIRST = (
    trained_models.c.experiment_id.desc(),
    trained_models.c.rank,
    trained_models.c.id,
)
_LISTING = Listing(_SHOWN, _HERE, *_BEST_FIRST)
_LISTING_OF_EXPERIMENT = Listing(
    _SHOWN, _HERE & (trained_models.c.experiment_id == bindparam("experiment_id")), *_BEST_FIRST
)


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
    user_id: str | None = None,
    **facts: Any,
) -> str:
    """Keep a model whose binary is in the store; return the new id.

    Its file counts for the person, if one is named.

    `facts` are the columns with a default: `engine`, `rank`, `is_best`, `parameters`,
    `explanation`, `evaluation` and `training_seconds`.
    """
    model_id = new_id()
    artifact_id = artifact.create(
        connection, project_id, sha256=sha256, media_type=media_type, user_id=user_id
    )
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
            **facts,
        )
    )
    project.count(connection, project_id, "model_count", 1)
    return model_id


def find(connection: Connection, model_id: str) -> schemas.TrainedModel | None:
    """Find a model with the size and the checksum of its file."""
    return row_of(connection.execute(_SHOWN.where(trained_models.c.id == model_id)))


def exist(connection: Connection) -> bool:
    """Tell whether there is any model."""
    return connection.execute(select(trained_models.c.id).limit(1)).first() is not None


def find_column(connection: Connection, model_id: str, column: str) -> Any:
    """Find one column that listings leave out, such as `explanation`; the model must exist."""
    statement = select(trained_models.c[column]).where(trained_models.c.id == model_id)
    return connection.execute(statement).scalar_one()


class BestModel(TypedDict):
    """The best model of an experiment, and what it goes by."""

    model_id: str
    model_type: str
    explanation: schemas.Explanation


def find_best(connection: Connection, experiment_id: str) -> BestModel | None:
    """Find the best model of an experiment and what it goes by; `None` where there is none."""
    statement = (
        select(
            trained_models.c.id.label("model_id"),
            trained_models.c.model_type,
            trained_models.c.explanation,
        )
        .where(trained_models.c.experiment_id == experiment_id)
        .order_by(trained_models.c.is_best.desc(), trained_models.c.rank, trained_models.c.id)
        .limit(1)
    )
    return row_of(connection.execute(statement))


def find_for_prediction(connection: Connection, model_id: str) -> dict[str, Any] | None:
    """Find what a model is asked with: file, engine, metrics, signature, and project."""
    asked = (artifacts.c.sha256, artifacts.c.project_id)
    statement = (
        select(*asked, trained_models.c.engine, trained_models.c.metrics, experiments.c.signature)
        .join(artifacts, artifacts.c.id == trained_models.c.artifact_id)
        .join(experiments, experiments.c.id == trained_models.c.experiment_id)
        .where(trained_models.c.id == model_id)
    )
    return row_of(connection.execute(statement))


def find_for_monitoring(connection: Connection, model_id: str) -> dict[str, Any]:
    """Find what a model in use is compared with: its training and test; the model must exist."""
    own = (trained_models.c.project_id, trained_models.c.metrics, trained_models.c.evaluation)
    statement = (
        select(*own, experiments.c.signature, experiments.c.reference)
        .join(experiments, experiments.c.id == trained_models.c.experiment_id)
        .where(trained_models.c.id == model_id)
    )
    return dict(connection.execute(statement).mappings().one())


def find_experiment_column(connection: Connection, model_id: str, column: str) -> Any:
    """Find what a model's experiment tells, such as `signature`; `None` where it does not."""
    statement = (
        select(experiments.c[column])
        .join(trained_models, trained_models.c.experiment_id == experiments.c.id)
        .where(trained_models.c.id == model_id)
    )
    return connection.scalar(statement)


def list_page(
    connection: Connection, project_id: str, experiment_id: str | None, *, limit: int, offset: int
) -> tuple[list[schemas.TrainedModel], int]:
    """List models by experiment, the newest first, and by rank, and tell how many there are."""
    listing = _LISTING if experiment_id is None else _LISTING_OF_EXPERIMENT
    here = {"project_id": project_id, "experiment_id": experiment_id}
    return listing.page(connection, **here, limit=limit, offset=offset)


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the models of a project, oldest first."""
    return list_of_project(connection, trained_models, project_id)


def remove(connection: Connection, project_id: str, model_id: str) -> bool:
    """Remove a model and its file; the best of those that are left becomes the best one.

    Tells whether there was such a model.
    """
    this = (trained_models.c.project_id == project_id) & (trained_models.c.id == model_id)
    columns = (trained_models.c.experiment_id, trained_models.c.artifact_id)
    found = connection.execute(select(*columns).where(this)).first()
    if found is None:
        return False
    experiment_id, artifact_id = found
    connection.execute(delete(trained_models).where(this))
    connection.execute(delete(artifacts).where(artifacts.c.id == artifact_id))
    project.count(connection, project_id, "model_count", -1)
    _mark_best(connection, experiment_id)
    return True


def remove_of_experiment(connection: Connection, project_id: str, experiment_id: str) -> None:
    """Remove all models of an experiment, with their files."""
    own = trained_models.c.experiment_id == experiment_id
    files = artifacts.c.id.in_(select(trained_models.c.artifact_id).where(own))
    # A model goes with its file, by the foreign key.
    removed = connection.execute(delete(artifacts).where(files)).rowcount
    project.count(connection, project_id, "model_count", -removed)


def _mark_best(connection: Connection, experiment_id: str) -> None:
    siblings = trained_models.c.experiment_id == experiment_id
    ranked = select(trained_models.c.id, trained_models.c.model_type).where(siblings)
    best = connection.execute(
        ranked.order_by(trained_models.c.rank, trained_models.c.id).limit(1)
    ).first()
    if best:
        connection.execute(
            update(trained_models).where(trained_models.c.id == best.id).values(is_best=True)
        )
    connection.execute(
        update(experiments)
        .where(experiments.c.id == experiment_id)
        .values(best_model_type=best and best.model_type)
    )
