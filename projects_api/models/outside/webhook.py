"""Webhooks: addresses that are told what happens in a project."""

import base64
import secrets
from typing import Any, get_args

from sqlalchemy import JSON, Connection, Index, Text, bindparam, delete, func, insert, select
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import Identifier, Timestamp, new_id, now, row_of, table_of
from projects_api.models.statements import Listing

EVENTS = get_args(schemas.WebhookEventType)
MOST_OF_PROJECT = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, as Standard Webhooks says
SECRET_BYTES = 32


class TooManyWebhooks(Exception):
    """A project has as many webhooks as it may."""


class Webhook(SQLModel, table=True):
    """An address; its secret is kept as it is, because every request is signed with it."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    url: str = Field(sa_type=Text)
    events: list[str] = Field(sa_type=JSON)
    secret: str = Field(max_length=100)
    created_at: str = Field(sa_type=Timestamp)


webhooks = table_of(Webhook)

_SHOWN = tuple(column for column in webhooks.c if column.name != "secret")
_LISTING = Listing(
    select(*_SHOWN),
    webhooks.c.project_id == bindparam("project_id"),
    webhooks.c.created_at,
    webhooks.c.id,
)


def find(connection: Connection, webhook_id: str) -> schemas.Webhook | None:
    """Find what callers see of a webhook."""
    return row_of(connection.execute(select(*_SHOWN).where(webhooks.c.id == webhook_id)))


def list_page(
    connection: Connection, project_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.Webhook], int]:
    """List the webhooks of a project, oldest first, and tell how many there are in all."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


def create(
    connection: Connection, project_id: str, *, url: str, events: list[schemas.WebhookEventType]
) -> tuple[schemas.Webhook, str]:
    """Register an address in a project that the transaction holds; return it and its secret.

    Raises TooManyWebhooks.
    """
    here = select(func.count()).where(webhooks.c.project_id == project_id)
    if connection.execute(here).scalar_one() >= MOST_OF_PROJECT:
        raise TooManyWebhooks
    made: schemas.Webhook = {
        "id": new_id(),
        "project_id": project_id,
        "url": url,
        "events": events,
        "created_at": now(),
    }
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    connection.execute(insert(webhooks), {**made, "secret": secret})
    return made, secret


def remove(connection: Connection, webhook_id: str) -> bool:
    """Remove a webhook with its deliveries; tell whether there was one."""
    return connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id)).rowcount == 1


def list_for_event(connection: Connection, project_id: str, event: str) -> list[Any]:
    """List the ids of a project's webhooks that are told of an event."""
    statement = select(webhooks.c.id, webhooks.c.events).where(webhooks.c.project_id == project_id)
    return [row.id for row in connection.execute(statement) if event in row.events]
