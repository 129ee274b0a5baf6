"""Maintenance: what the server does between requests, in every process."""

import asyncio

import structlog
from anyio import to_thread

from projects_api.app.services import Services
from projects_api.database.endurance import Endurance
from projects_api.models import stored_answer

_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files and forget old answers, at once and then at intervals, for ever."""
    endurance = Endurance("maintenance_failed")
    while True:
        with endurance.step():
            if removed := await to_thread.run_sync(_run, services):
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


def _run(services: Services) -> int:
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    return services.artifacts.collect()
