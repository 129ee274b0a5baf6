"""Deployments: models that answer under a name, in staging or in production."""

from typing import Any, cast, get_args

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Index,
    bindparam,
    exists,
    insert,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
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
from projects_api.models.outside import delivery
from projects_api.models.statements import Listing
from projects_api.models.trained_model import trained_models

STAGES = ("staging", "production")
STATUSES = get_args(schemas.DeploymentStatus)
_IN_PRODUCTION = text("stage = 'production' AND status = 'active'")


class Deployment(SQLModel, table=True):
    """A deployed model; a project has one active deployment in production at most.

    `replaced_id` is the deployment that this one took the place of in production, `threshold` what
    it chooses the positive label from, where that is not the model's own.
    """

    __tablename__ = "deployments"
    __table_args__ = (
        one_of("stage", STAGES),
        one_of("status", STATUSES),
        Index(None, "project_id", "created_at", "id"),
        Index(
            "uq_deployments_in_production",
            "project_id",
            unique=True,
            sqlite_where=_IN_PRODUCTION,
            postgresql_where=_IN_PRODUCTION,
        ),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    model_id: str = Field(
        foreign_key="trained_models.id", ondelete="CASCADE", index=True, sa_type=Identifier
    )
    name: str = Field(sa_type=binary_text(255))
    stage: str = Field(max_length=16)
    status: str = Field(max_length=16)
    traffic_percent: int = Field(sa_type=BigInteger)
    replaced_id: str | None = Field(default=None, sa_type=Identifier)
    threshold: float | None = Field(default=None, sa_type=Float)
    created_at: str = Field(sa_type=Timestamp)
    updated_at: str = Field(sa_type=Timestamp)


deployments = table_of(Deployment)

_LISTING = Listing(
    select(deployments),
    deployments.c.project_id == bindparam("project_id"),
    deployments.c.created_at.desc(),
    deployments.c.id.desc(),
)


def find(connection: Connection, deployment_id: str) -> schemas.Deployment | None:
    """Find a deployment."""
    return row_of(connection.execute(select(deployments).where(deployments.c.id == deployment_id)))


def list_page(
    connection: Connection, project_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.Deployment], int]:
    """List the deployments of a project, newest first, and tell how many there are in all."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the deployments of a project, oldest first."""
    return list_of_project(connection, deployments, project_id)


def answers(connection: Connection, *, model_id: str) -> bool:
    """Return whether a model answers in an active deployment."""
    return _any_active(connection, deployments.c.model_id == model_id)


def answers_for_experiment(connection: Connection, experiment_id: str) -> bool:
    """Return whether a model of an experiment answers in an active deployment."""
    own = select(trained_models.c.id).where(trained_models.c.experiment_id == experiment_id)
    return _any_active(connection, deployments.c.model_id.in_(own))


def _any_active(connection: Connection, which: ColumnElement[bool]) -> bool:
    active = exists().where(which, deployments.c.status == "active")
    return bool(connection.scalar(select(active)))


def create(
    connection: Connection,
    project_id: str,
    *,
    model_id: str,
    name: str,
    stage: schemas.DeploymentStage,
    traffic_percent: int,
    threshold: float | None = None,
) -> schemas.Deployment:
    """Deploy a model; the one that was in production before gives way to one in production."""
    moment = now()
    created: schemas.Deployment = {
        "id": new_id(),
        "project_id": project_id,
        "model_id": model_id,
        "name": name,
        "stage": stage,
        "status": "active",
        "traffic_percent": traffic_percent,
        "replaced_id": _vacate(connection, project_id) if stage == "production" else None,
        "threshold": threshold,
        "created_at": moment,
        "updated_at": moment,
    }
    connection.execute(insert(deployments), created)
    return _told(connection, "deployment.created", created)


def promote(
    connection: Connection, deployment: schemas.Deployment, stage: str
) -> schemas.Deployment:
    """Make a deployment active in a stage, whatever it was before; return it as it is then."""
    if (deployment["stage"], deployment["status"]) == (stage, "active"):
        return deployment
    changes: dict[str, str | None] = {"stage": stage, "status": "active"}
    if stage == "production":
        changes["replaced_id"] = _vacate(connection, deployment["project_id"])
    changed = _change(connection, deployment, **changes)
    return _told(connection, "deployment.promoted", changed)


def roll_back(connection: Connection, deployment: schemas.Deployment) -> schemas.Deployment | None:
    """Put the deployment that a given one replaced back into production, and return it.

    `None` where the given one is not in production, or what it replaced is no longer archived.
    """
    former = deployment["replaced_id"] and find(connection, deployment["replaced_id"])
    if (deployment["stage"], deployment["status"]) != ("production", "active"):
        return None
    if not former or (former["stage"], former["status"]) != ("production", "archived"):
        return None
    _change(connection, deployment, status="archived")
    restored = _change(connection, former, status="active")
    return _told(connection, "deployment.rolled_back", restored)


def deactivate(connection: Connection, deployment: schemas.Deployment) -> schemas.Deployment:
    """Let a deployment answer no longer; return it as it is then."""
    if deployment["status"] == "inactive":
        return deployment
    changed = _change(connection, deployment, status="inactive")
    return _told(connection, "deployment.deactivated", changed)


def _vacate(connection: Connection, project_id: str) -> str | None:
    """Archive what is in production; return its id."""
    statement = (
        update(deployments)
        .where(
            deployments.c.project_id == project_id,
            deployments.c.stage == "production",
            deployments.c.status == "active",
        )
        .values(status="archived", updated_at=now())
        .returning(deployments.c.id)
    )
    found: str | None = connection.scalar(statement)
    return found


def _change(
    connection: Connection, deployment: schemas.Deployment, **changes: str | None
) -> schemas.Deployment:
    changed = {**changes, "updated_at": now()}
    this = deployments.c.id == deployment["id"]
    connection.execute(update(deployments).where(this).values(**changed))
    return cast("schemas.Deployment", {**deployment, **changed})


def _told(connection: Connection, event: str, deployment: schemas.Deployment) -> schemas.Deployment:
    """Tell the project's webhooks what became of a deployment, and return it."""
    delivery.emit(
        connection,
        deployment["project_id"],
        event,
        deployment_id=deployment["id"],
        model_id=deployment["model_id"],
        name=deployment["name"],
        stage=deployment["stage"],
        status=deployment["status"],
    )
    return deployment
