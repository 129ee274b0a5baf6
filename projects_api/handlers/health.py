"""Health: whether the process lives, and whether it can do its work."""

from projects_api.access.problems import Unavailable
from projects_api.schemas import LivenessReport, ReadinessReport
from projects_api.storage.readiness import Readiness


def check_liveness() -> LivenessReport:
    """Answer at all."""
    return {"status": "alive"}


def check_readiness(readiness: Readiness) -> ReadinessReport:
    """Ask the database and the artifact store whether they can be worked with."""
    if missing := readiness.missing():
        raise Unavailable(f"Without answer: {' and '.join(missing)}. Repeat the request later.")
    return {"status": "ready", "checks": {"database": "ok", "artifact_store": "ok"}}
