"""Maintenance: what the server does between requests, in every process."""

import asyncio

import structlog
from anyio import to_thread
from sqlalchemy.exc import DBAPIError

from projects_api.models import stored_answer
from projects_api.server.artifact_store import ArtifactStoreUnavailable
from projects_api.server.services import Services

_log = structlog.get_logger()


async def maintain(services: Services) -> None:
    """Collect unused files and forget old answers, at once and then at intervals, for ever."""
    while True:
        try:
            removed = await to_thread.run_sync(_run, services)
        except (DBAPIError, ArtifactStoreUnavailable) as error:
            _log.warning("maintenance_failed", error=str(error))
        else:
            if removed:
                _log.info("files_collected", count=removed)
        await asyncio.sleep(services.settings.maintenance_seconds)


def _run(services: Services) -> int:
    with services.database.transaction() as connection:
        stored_answer.remove_expired(connection)
    return services.artifacts.collect()
