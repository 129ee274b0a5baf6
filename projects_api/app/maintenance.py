"""Maintenance: what the server does between requests, in every process."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from anyio import to_thread

from projects_api.access.key_uses import INTERVAL_SECONDS
from projects_api.app.drift_watching import watch_drift
from projects_api.app.services import Services
from projects_api.database.endurance import Endurance
from projects_api.metrics import metrics
from projects_api.models import (
    api_key,
    audit,
    job,
    stored_answer,
    trained_model,
)
from projects_api.models.base import present, to_text
from projects_api.models.outside import delivery

BATCH = 200
RENEWALS = 4
_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files, forget what is old, and prepare for predictions.

    At once, then at intervals, for ever.
    """
    endurance = Endurance("maintenance_failed")
    while True:
        with endurance.step():
            with _counted():
                removed = await to_thread.run_sync(_run, services)
            if removed:
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


async def renew_claims(services: Services) -> None:
    """Let running requests keep their idempotency keys, several times in the life of a claim."""
    endurance = Endurance("claims_not_renewed")
    while True:
        await asyncio.sleep(stored_answer.CLAIM_TIME.total_seconds() / RENEWALS)
        with endurance.step():
            await to_thread.run_sync(services.claims.renew)


async def note_key_uses(services: Services) -> None:
    """Write down at intervals when keys were last used, and once more at the end."""
    endurance = Endurance("key_uses_not_written")
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        with endurance.step():
            await to_thread.run_sync(services.key_uses.write)


async def send_webhooks(services: Services) -> None:
    """Tell webhooks of what has happened."""
    await services.sender.run()


@contextmanager
def _counted() -> Iterator[None]:
    series = metrics()
    try:
        yield
    except Exception:
        series.maintenance_runs.labels("failed").inc()
        raise
    series.maintenance_runs.labels("succeeded").inc()
    series.maintenance_success.set_to_current_time()


def _run(services: Services) -> int:
    _prepare_predictions(services)
    watch_drift(services)
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    forgotten = _forget(services, services.settings.job_days, job.remove_old)
    metrics().jobs_forgotten.inc(forgotten)
    _forget(services, services.settings.audit_days, audit.remove_old)
    _forget(services, services.settings.audit_days, api_key.remove_old)
    _forget(services, services.settings.webhook_days, delivery.remove_old)
    collected = services.artifacts.collect()
    metrics().contents_collected.inc(collected)
    return collected


def _prepare_predictions(services: Services) -> None:
    """Have libraries loaded before anybody asks a model, where there is one to be asked.

    They take 200 MB, which a server without models has better uses for.
    """
    with services.database.transaction(writing=False) as connection:
        is_needed = trained_model.exist(connection)
    if is_needed:
        services.predictions.warm()


def _forget(services: Services, days: float, remove_old: Callable[..., int]) -> int:
    """Forget what is old, few rows at a time, for others wait to write meanwhile; count them."""
    before = to_text(present() - timedelta(days=days))
    total, removed = 0, BATCH if days else 0
    while removed == BATCH:
        with services.database.transaction() as connection:
            removed = remove_old(connection, before, most=BATCH)
        total += removed
    return total
