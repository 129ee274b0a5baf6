"""What deployments were asked and what they answered, for drift and quality to be measured on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Float,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import (
    Identifier,
    Timestamp,
    now,
    present,
    rows_of,
    table_of,
    to_text,
)
from projects_api.models.deployment import deployments
from projects_api.models.outside import delivery
from projects_api.models.outside.webhook import webhooks

MAX_KEPT = 10_000
"""Rows that are kept of a deployment, the newest ones."""
DRIFTED = "deployment.drifted"
MEASURING_INTERVAL = timedelta(hours=1)
"""Time between two looks at a deployment, which take a moment of a prediction process."""


class DeploymentInput(SQLModel, table=True):
    """One row that a deployment was asked about; `number` counts from 1 within the deployment.

    `prediction` and `probabilities` are what it answered, as `engines.monitoring.answers` keeps it,
    `truth` what somebody told later, in the same way. Rows from before answers were kept have none.
    """

    __tablename__ = "deployment_inputs"

    deployment_id: str = Field(
        primary_key=True, foreign_key="deployments.id", ondelete="CASCADE", sa_type=Identifier
    )
    number: int = Field(primary_key=True, sa_type=BigInteger)
    inputs: dict[str, Any] = Field(sa_type=JSON)
    prediction: float | None = Field(default=None, sa_type=Float)
    probabilities: list[float] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    truth: float | None = Field(default=None, sa_type=Float)
    created_at: str = Field(sa_type=Timestamp)


deployment_inputs = table_of(DeploymentInput)


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


def keep(
    connection: Connection,
    deployment_id: str,
    rows: Sequence[dict[str, Any]],
    answers: Sequence[Mapping[str, Any]] = (),
) -> int | None:
    """Keep rows with what was answered, and forget the oldest beyond `MAX_KEPT`.

    Return the number of the first row, which the others follow; `None` without the deployment.
    """
    # Whoever else keeps rows of this deployment waits, for the numbers follow each other.
    this = select(deployments.c.id).where(deployments.c.id == deployment_id)
    if connection.scalar(this.with_for_update()) is None:
        return None
    here = deployment_inputs.c.deployment_id == deployment_id
    last = connection.scalar(select(func.max(deployment_inputs.c.number)).where(here)) or 0
    fixed = {"deployment_id": deployment_id, "created_at": now()}
    unknown = {"prediction": None, "probabilities": None}
    connection.execute(
        insert(deployment_inputs),
        [
            {**fixed, "number": number, "inputs": row, **(answer or unknown)}
            for number, (row, answer) in enumerate(zip_longest(rows, answers), start=last + 1)
        ],
    )
    oldest = last + len(rows) - MAX_KEPT
    connection.execute(delete(deployment_inputs).where(here, deployment_inputs.c.number <= oldest))
    return last + 1


def tell(connection: Connection, deployment_id: str, truths: Mapping[int, float]) -> set[int]:
    """Keep truths of rows by their numbers; return the numbers that have no answer here."""
    here = deployment_inputs.c.deployment_id == deployment_id
    answered = here & deployment_inputs.c.prediction.is_not(None)
    known = set(connection.scalars(select(deployment_inputs.c.number).where(answered)))
    found = [{"at": number, "told": truths[number]} for number in truths.keys() & known]
    if found:
        this = here & (deployment_inputs.c.number == bindparam("at"))
        statement = update(deployment_inputs).where(this).values(truth=bindparam("told"))
        connection.execute(statement, found)
    return truths.keys() - known


def list_newest(connection: Connection, deployment_id: str) -> list[dict[str, Any]]:
    """List the rows that were kept, oldest first."""
    statement = (
        select(deployment_inputs.c.inputs)
        .where(deployment_inputs.c.deployment_id == deployment_id)
        .order_by(deployment_inputs.c.number)
    )
    return list(connection.scalars(statement))


def list_answers(connection: Connection, deployment_id: str) -> list[dict[str, Any]]:
    """List what was answered about the rows that were kept, oldest first, with what was true."""
    table = deployment_inputs.c
    statement = (
        select(table.prediction, table.probabilities, table.truth)
        .where(table.deployment_id == deployment_id, table.prediction.is_not(None))
        .order_by(table.number)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def list_unmeasured(connection: Connection, *, most: int) -> list[dict[str, Any]]:
    """List active deployments that were asked more since they were measured, if long ago."""
    newest = (
        select(func.max(deployment_inputs.c.number))
        .where(deployment_inputs.c.deployment_id == deployments.c.id)
        .scalar_subquery()
    )
    before = to_text(present() - MEASURING_INTERVAL)
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
    return sorted({row.project_id for row in found if DRIFTED in row.events})


def note_verdict(
    connection: Connection, deployment: schemas.Deployment, number: int, verdict: str
) -> None:
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
            DRIFTED,
            deployment_id=deployment["id"],
            model_id=deployment["model_id"],
            name=deployment["name"],
            stage=deployment["stage"],
            status=deployment["status"],
            verdict=verdict,
        )
