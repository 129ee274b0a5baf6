"""What deployments were asked, for drift to be measured on."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, delete, func, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, now, table_of
from projects_api.models.deployment import deployments

MAX_KEPT = 10_000
"""Rows that are kept of a deployment, the newest ones."""


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


def keep(connection: Connection, deployment_id: str, rows: list[dict[str, Any]]) -> bool:
    """Keep rows, and forget the oldest beyond `MAX_KEPT`; tell whether there is the deployment."""
    # Whoever else keeps rows of this deployment waits, for the numbers follow each other.
    this = select(deployments.c.id).where(deployments.c.id == deployment_id)
    if connection.scalar(this.with_for_update()) is None:
        return False
    here = deployment_inputs.c.deployment_id == deployment_id
    last = connection.scalar(select(func.max(deployment_inputs.c.number)).where(here)) or 0
    moment = now()
    connection.execute(
        insert(deployment_inputs),
        [
            {"deployment_id": deployment_id, "number": number, "inputs": row, "created_at": moment}
            for number, row in enumerate(rows, start=last + 1)
        ],
    )
    oldest = last + len(rows) - MAX_KEPT
    connection.execute(delete(deployment_inputs).where(here, deployment_inputs.c.number <= oldest))
    return True


def list_newest(connection: Connection, deployment_id: str) -> list[dict[str, Any]]:
    """List the rows that were kept, oldest first."""
    statement = (
        select(deployment_inputs.c.inputs)
        .where(deployment_inputs.c.deployment_id == deployment_id)
        .order_by(deployment_inputs.c.number)
    )
    return list(connection.scalars(statement))
