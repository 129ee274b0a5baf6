"""Deployments: models that answer under a name, in staging or in production."""

from typing import Any

from sqlalchemy import BigInteger, Connection, Index, text
from sqlmodel import Field, SQLModel

from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    list_of_project,
    one_of,
    table_of,
)

STAGES = ("staging", "production")
STATUSES = ("active", "archived", "inactive")
_IN_PRODUCTION = text("stage = 'production' AND status = 'active'")


class Deployment(SQLModel, table=True):
    """A deployed model; a project has one active deployment in production at most.

    `replaced_id` is the deployment that this one took the place of in production.
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
    created_at: str = Field(sa_type=Timestamp)
    updated_at: str = Field(sa_type=Timestamp)


deployments = table_of(Deployment)


def list_for_project(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List the deployments of a project, oldest first."""
    return list_of_project(connection, deployments, project_id)
