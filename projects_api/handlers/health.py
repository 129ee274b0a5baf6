"""Health: whether the process lives, and whether it can do its work."""

from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from projects_api.server.artifact_store import ArtifactStoreUnavailable
from projects_api.server.artifacts import Artifacts
from projects_api.server.database import Database
from projects_api.server.problems import Unavailable

_log = structlog.get_logger()


def check_liveness() -> dict[str, Any]:
    """Answer at all."""
    return {"status": "alive"}


def check_readiness(database: Database, artifacts: Artifacts) -> dict[str, Any]:
    """Ask the database and the artifact store."""
    silent = []
    try:
        database.check()
    except SQLAlchemyError as error:
        _log.warning("database_unavailable", error=str(error))
        silent.append("the database")
    try:
        artifacts.store.check()
    except ArtifactStoreUnavailable as error:
        _log.warning("artifact_store_unavailable", error=str(error))
        silent.append("the artifact store")
    if silent:
        raise Unavailable(f"Without answer: {' and '.join(silent)}. Repeat the request later.")
    return {"status": "ready", "checks": {"database": "ok", "artifact_store": "ok"}}
