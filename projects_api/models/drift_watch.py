"""What is watched for drift: deployments whose projects have webhooks that ask for it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, func, insert, or_, select, update
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import delivery
from projects_api.models.base import Identifier, Timestamp, now, present, rows_of, table_of, to_text
from projects_api.models.deployment import deployments
from projects_api.models.deployment_input import deployment_inputs
from projects_api.models.webhook import webhooks

EVENT = "deployment.drifted"
INTERVAL = timedelta(hours=1)
"""Time between two looks at a deployment, which take a moment of a prediction process."""


class DriftWatch(SQLModel, table=True):
    """What a deployment was last found to be, and up to which of its rows."""

    __tablename__ = "drift_watches"

    deployment_id: str = Field(
        primary_key=True, foreign_key="deployments.id", ondelete="CASCADE", sa_type=Identifier
    )
    number: int = Field(sa_type=BigInteger)
    verdict: str = Field(max_length=16)
    measured_at: str = Field(sa_type=Timestamp)


drift_watches = table_of(DriftWatch)


def list_due(connection: Connection, *, most: int) -> list[dict[str, Any]]:
    """List active deployments that were asked more since they were measured, if long ago."""
    newest = (
        select(func.max(deployment_inputs.c.number))
        .where(deployment_inputs.c.deployment_id == deployments.c.id)
        .scalar_subquery()
    )
    before = to_text(present() - INTERVAL)
    statement = (
        select(deployments, newest.label("newest"))
        .outerjoin(drift_watches, drift_watches.c.deployment_id == deployments.c.id)
        .where(
            deployments.c.status == "active",
            deployments.c.project_id.in_(_asking(connection)),
            newest > func.coalesce(drift_watches.c.number, 0),
            or_(drift_watches.c.measured_at.is_(None), drift_watches.c.measured_at <= before),
        )
        .order_by(drift_watches.c.measured_at.asc().nulls_first(), deployments.c.id)
        .limit(most)
    )
    return rows_of(connection.execute(statement))


def _asking(connection: Connection) -> list[str]:
    found = connection.execute(select(webhooks.c.project_id, webhooks.c.events))
    return sorted({row.project_id for row in found if EVENT in row.events})


def note(connection: Connection, deployment: schemas.Deployment, number: int, verdict: str) -> None:
    """Write down what was found; tell the webhooks of drift where it was none before."""
    this = select(deployments.c.id).where(deployments.c.id == deployment["id"])
    if connection.scalar(this.with_for_update()) is None:
        return
    here = drift_watches.c.deployment_id == deployment["id"]
    before = connection.scalar(select(drift_watches.c.verdict).where(here))
    found = {"number": number, "verdict": verdict, "measured_at": now()}
    if before is None:
        new = {"deployment_id": deployment["id"], **found}
        connection.execute(insert(drift_watches).values(**new))
    else:
        connection.execute(update(drift_watches).where(here).values(**found))
    if verdict == "drift" != before:
        delivery.emit(
            connection,
            deployment["project_id"],
            EVENT,
            deployment_id=deployment["id"],
            model_id=deployment["model_id"],
            name=deployment["name"],
            stage=deployment["stage"],
            status=deployment["status"],
            verdict=verdict,
        )
