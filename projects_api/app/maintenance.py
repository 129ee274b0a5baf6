"""Maintenance: what the server does between requests, in every process."""

import asyncio
from datetime import timedelta

import structlog
from anyio import to_thread

from projects_api.app.services import Services
from projects_api.database.endurance import Endurance
from projects_api.models import job, stored_answer
from projects_api.models.base import present, to_text

BATCH = 200
_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files, forget old answers and jobs: at once, then at intervals, for ever."""
    endurance = Endurance("maintenance_failed")
    while True:
        with endurance.step():
            if removed := await to_thread.run_sync(_run, services):
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


def _run(services: Services) -> int:
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    if days := services.settings.job_days:
        _forget_jobs(services, to_text(present() - timedelta(days=days)))
    return services.artifacts.collect()


def _forget_jobs(services: Services, before: str) -> None:
    """Forget old jobs, few at a time, for others wait to write meanwhile."""
    removed = BATCH
    while removed == BATCH:
        with services.database.transaction() as connection:
            removed = job.remove_old(connection, before, most=BATCH)
