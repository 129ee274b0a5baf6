"""Webhooks: addresses that are told what happens in a project, and what they were told."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    DeliveryNotFound,
    ProjectNotFound,
    TooManyWebhooks,
    WebhookNotFound,
)
from projects_api.handlers.translation import translated
from projects_api.models import project as projects
from projects_api.models.outside import delivery
from projects_api.models.outside import webhook as webhooks
from projects_api.schemas import (
    DeliveryEnvelope,
    DeliveryList,
    Project,
    Webhook,
    WebhookCreated,
    WebhookEventType,
    WebhookList,
)
from projects_api.webhooks.destinations import Destinations


def list_webhooks(connection: Connection, project: Project, limit: int, offset: int) -> WebhookList:
    """List the webhooks of a project, oldest first."""
    items, total = webhooks.list_page(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_webhook(
    connection: Connection,
    project: Project,
    destinations: Destinations,
    *,
    url: str,
    events: list[WebhookEventType],
) -> WebhookCreated:
    """Register an address; the project is not locked before the address is judged."""
    with translated():
        destinations.check(url)
    if not projects.hold(connection, project["id"]):
        raise ProjectNotFound
    try:
        made, secret = webhooks.create(connection, project["id"], url=url, events=events)
    except webhooks.TooManyWebhooks as full:
        raise TooManyWebhooks from full
    return {"webhook_id": made["id"], "webhook": made, "secret": secret}


def delete_webhook(connection: Connection, webhook_id: str) -> dict[str, Any]:
    """Delete a webhook with its deliveries."""
    if not webhooks.remove(connection, webhook_id):
        raise WebhookNotFound
    return {"ok": True}


def list_deliveries(
    connection: Connection, webhook: Webhook, limit: int, offset: int
) -> DeliveryList:
    """List the deliveries of a webhook, newest first."""
    items, total = delivery.list_page(connection, webhook["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def redeliver(connection: Connection, webhook: Webhook, delivery_id: str) -> DeliveryEnvelope:
    """Have a delivery sent once more."""
    found = delivery.repeat(connection, webhook["id"], delivery_id)
    if found is None:
        raise DeliveryNotFound
    return {"delivery": found}
