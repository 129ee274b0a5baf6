"""Deliveries: what webhooks are told, from the change that it tells of until it has arrived.

A delivery is written in the transaction of the change, so that nothing is told that was undone, and
nothing is lost that was acknowledged. Senders take it by a lease, as workers take jobs: where one
dies, another one sends it, which is why an event may arrive twice.
"""

from collections.abc import Mapping
from typing import Any, cast, get_args

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Index,
    Integer,
    Text,
    bindparam,
    delete,
    exists,
    func,
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
    new_id,
    now,
    one_of,
    row_of,
    shared_moment,
    storable,
    table_of,
)
from projects_api.models.outside.webhook import list_for_event, webhooks
from projects_api.models.statements import Listing

STATUSES = get_args(schemas.DeliveryStatus)
MOST_WAITING = 1000
"""Deliveries of a webhook that wait; more are kept as failed, from where they can be repeated."""
FULL = (
    f"{MOST_WAITING} events waited for this address already, so that this one was not sent. "
    "Deliver it again when the receiver works."
)
MAX_ERROR = 500
MAX_ANSWER_BYTES = 2048
_PENDING = text("status = 'pending'")


class Delivery(SQLModel, table=True):
    """An event on its way to an address; `body` is what is sent, to the byte.

    `owner` is who sends it now, until `sending_until`.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("status", STATUSES),
        Index(None, "webhook_id", "created_at", "id"),
        Index(None, "finished_at", "id"),
        Index(
            "ix_deliveries_pending",
            "next_attempt_at",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index(
            "ix_deliveries_pending_of_webhook",
            "webhook_id",
            "sending_until",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    webhook_id: str = Field(foreign_key="webhooks.id", ondelete="CASCADE", sa_type=Identifier)
    body: str = Field(sa_type=Text)
    status: str = Field(max_length=16)
    attempts: int = Field(default=0, sa_type=Integer)
    owner: str | None = Field(default=None, sa_type=Identifier)
    sending_until: str | None = Field(default=None, sa_type=Timestamp)
    next_attempt_at: str | None = Field(default=None, sa_type=Timestamp)
    last_attempt_at: str | None = Field(default=None, sa_type=Timestamp)
    finished_at: str | None = Field(default=None, sa_type=Timestamp)
    response_status: int | None = Field(default=None, sa_type=Integer)
    response_body: str | None = Field(default=None, sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    created_at: str = Field(sa_type=Timestamp)


deliveries = table_of(Delivery)

_SHOWN = tuple(column for column in deliveries.c if column.name not in {"owner", "sending_until"})
_LISTING = Listing(
    select(*_SHOWN),
    deliveries.c.webhook_id == bindparam("webhook_id"),
    deliveries.c.created_at.desc(),
    deliveries.c.id.desc(),
)


def emit(connection: Connection, project_id: str, event: str, **facts: str) -> None:
    """Tell the webhooks of a project what happened, once the transaction is committed."""
    told = list_for_event(connection, project_id, event)
    if not told:
        return
    moment = now()
    data = {"project_id": project_id, **facts}
    body = orjson.dumps({"type": event, "timestamp": moment, "data": data}).decode()
    for webhook_id in told:
        connection.execute(insert(deliveries).values(**_new(connection, webhook_id, body, moment)))


def _new(connection: Connection, webhook_id: str, body: str, moment: str) -> dict[str, Any]:
    waiting = select(func.count()).where(
        deliveries.c.webhook_id == webhook_id, deliveries.c.status == "pending"
    )
    is_full = connection.execute(waiting).scalar_one() >= MOST_WAITING
    return {
        "id": new_id(),
        "webhook_id": webhook_id,
        "body": body,
        "status": "failed" if is_full else "pending",
        "next_attempt_at": None if is_full else shared_moment(connection),
        "finished_at": moment if is_full else None,
        "error": FULL if is_full else None,
        "created_at": moment,
    }


def list_page(
    connection: Connection, webhook_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.Delivery], int]:
    """List the deliveries of a webhook, newest first, and tell how many there are in all."""
    rows, total = _LISTING.page(connection, webhook_id=webhook_id, limit=limit, offset=offset)
    return [_shown(row) for row in rows], total


def repeat(connection: Connection, webhook_id: str, delivery_id: str) -> schemas.Delivery | None:
    """Have a delivery sent again at once, with all of its attempts; `None` where there is none."""
    statement = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.webhook_id == webhook_id)
        .values(
            status="pending",
            attempts=0,
            owner=None,
            sending_until=None,
            next_attempt_at=shared_moment(connection),
            finished_at=None,
        )
        .returning(*_SHOWN)
    )
    found = row_of(connection.execute(statement))
    return _shown(found) if found else None


def count_waiting(connection: Connection) -> tuple[int, str | None]:
    """Count the deliveries that have not ended, and tell since when the oldest one waits."""
    waiting = select(func.count(), func.min(deliveries.c.created_at))
    count, oldest = connection.execute(waiting.where(deliveries.c.status == "pending")).one()
    return count, oldest


def has_due(connection: Connection) -> bool:
    """Tell, by reading alone, whether a delivery is due."""
    due = select(deliveries.c.id).where(*_due(connection))
    return connection.execute(select(due.exists())).scalar_one()


def claim(connection: Connection, owner: str, lease_seconds: float) -> dict[str, Any] | None:
    """Take the delivery that has been due for longest, with its address and secret.

    A webhook has one sent at a time, so that a slow receiver takes no more than its share.
    `owner` is new for each claim.
    """
    due = select(deliveries.c.id).where(*_due(connection))
    oldest = due.order_by(deliveries.c.next_attempt_at, deliveries.c.id).limit(1)
    statement = (
        update(deliveries)
        .where(deliveries.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
        .values(
            owner=owner,
            sending_until=shared_moment(connection, lease_seconds),
            attempts=deliveries.c.attempts + 1,
            last_attempt_at=now(),
        )
        .returning(
            deliveries.c.id, deliveries.c.webhook_id, deliveries.c.body, deliveries.c.attempts
        )
    )
    taken = row_of(connection.execute(statement))
    if taken is None:
        return None
    target = select(webhooks.c.url, webhooks.c.secret).where(webhooks.c.id == taken["webhook_id"])
    found = row_of(connection.execute(target))
    return {**taken, **found} if found else None


def _due(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    moment = shared_moment(connection)
    others = deliveries.alias()
    is_busy = exists().where(
        others.c.webhook_id == deliveries.c.webhook_id,
        others.c.status == "pending",
        others.c.sending_until > moment,
    )
    return deliveries.c.status == "pending", deliveries.c.next_attempt_at <= moment, ~is_busy


def conclude(
    connection: Connection,
    delivery_id: str,
    owner: str,
    answer: Mapping[str, Any],
    *,
    status: str,
    seconds: float = 0.0,
) -> bool:
    """Write down what an attempt came to; tell whether the delivery is still this owner's.

    `answer` has `response_status`, `response_body` and `error`. A delivery that stays `pending` is
    sent again in some seconds.
    """
    is_over = status != "pending"
    statement = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.owner == owner)
        .values(
            status=status,
            owner=None,
            sending_until=None,
            next_attempt_at=None if is_over else shared_moment(connection, seconds),
            finished_at=now() if is_over else None,
            response_status=answer["response_status"],
            response_body=_storable(answer["response_body"], MAX_ANSWER_BYTES),
            error=_storable(answer["error"], MAX_ERROR),
        )
    )
    return connection.execute(statement).rowcount == 1


def remove_old(connection: Connection, before: str, *, most: int) -> int:
    """Forget the oldest deliveries that ended before a moment; return how many."""
    oldest = (
        select(deliveries.c.id)
        .where(deliveries.c.finished_at < before)
        .order_by(deliveries.c.finished_at, deliveries.c.id)
        .limit(most)
    )
    return connection.execute(delete(deliveries).where(deliveries.c.id.in_(oldest))).rowcount


def _storable(value: str | None, most: int) -> str | None:
    return None if value is None else storable(value, most)


def _shown(row: dict[str, Any]) -> schemas.Delivery:
    event = orjson.loads(row.pop("body"))
    return cast("schemas.Delivery", {**row, "event": event})
