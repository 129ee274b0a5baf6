"""Maintenance: what the server does between requests, in every process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from anyio import to_thread

from projects_api.app.services import Services
from projects_api.database.endurance import Endurance
from projects_api.metrics import metrics
from projects_api.models import job, stored_answer
from projects_api.models.base import present, to_text

BATCH = 200
_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files, forget old answers and jobs: at once, then at intervals, for ever."""
    endurance = Endurance("maintenance_failed")
    while True:
        with endurance.step():
            with _counted():
                removed = await to_thread.run_sync(_run, services)
            if removed:
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


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
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    if days := services.settings.job_days:
        _forget_jobs(services, to_text(present() - timedelta(days=days)))
    collected = services.artifacts.collect()
    metrics().contents_collected.inc(collected)
    return collected


def _forget_jobs(services: Services, before: str) -> None:
    """Forget old jobs, few at a time, for others wait to write meanwhile."""
    removed = BATCH
    while removed == BATCH:
        with services.database.transaction() as connection:
            removed = job.remove_old(connection, before, most=BATCH)
        metrics().jobs_forgotten.inc(removed)
