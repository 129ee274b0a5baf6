"""Maintenance: what the server does between requests, in every process."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from anyio import to_thread

from projects_api.app.services import Services
from projects_api.database.endurance import Endurance
from projects_api.models import audit, job, stored_answer
from projects_api.models.base import present, to_text

BATCH = 200
_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files, forget what is old: at once, then at intervals, for ever."""
    endurance = Endurance("maintenance_failed")
    while True:
        with endurance.step():
            if removed := await to_thread.run_sync(_run, services):
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


def _run(services: Services) -> int:
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    _forget(services, services.settings.job_days, job.remove_old)
    _forget(services, services.settings.audit_days, audit.remove_old)
    return services.artifacts.collect()


def _forget(services: Services, days: float, remove_old: Callable[..., int]) -> None:
    """Forget what is old, few rows at a time, for others wait to write meanwhile."""
    before = to_text(present() - timedelta(days=days))
    removed = BATCH if days else 0
    while removed == BATCH:
        with services.database.transaction() as connection:
            removed = remove_old(connection, before, most=BATCH)
