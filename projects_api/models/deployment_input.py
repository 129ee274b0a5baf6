"""What deployments were asked, for drift to be measured on."""

from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, table_of


class DeploymentInput(SQLModel, table=True):
    """One row that a deployment was asked about; `number` counts from 1 within the deployment."""

    __tablename__ = "deployment_inputs"

    deployment_id: str = Field(
        primary_key=True, foreign_key="deployments.id", ondelete="CASCADE", sa_type=Identifier
    )
    number: int = Field(primary_key=True, sa_type=BigInteger)
    inputs: dict[str, Any] = Field(sa_type=JSON)
    created_at: str = Field(sa_type=Timestamp)


deployment_inputs = table_of(DeploymentInput)
