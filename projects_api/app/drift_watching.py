"""Watching for drift, so that webhooks are told of it without anybody having to ask."""

from typing import Any

import structlog

from projects_api.app.services import Services
from projects_api.models import deployment_input, trained_model
from projects_api.predictions.faults import EngineMissing
from projects_api.processes.turns import QueueFull

MOST_AT_A_TIME = 10
"""Deployments that one maintenance looks at; the others have their turn in the next."""
UNKNOWN = "not_enough_data"
_log = structlog.get_logger()


def watch_drift(services: Services) -> None:
    """Measure the drift of deployments that webhooks are to be told about."""
    with services.database.transaction(writing=False) as connection:
        due = deployment_input.list_unmeasured(connection, most=MOST_AT_A_TIME)
    for one in due:
        try:
            verdict = _measure(services, one)
        except QueueFull:
            return  # People come first, and all is done in the next maintenance.
        number = one.pop("newest")
        with services.database.transaction() as connection:
            deployment_input.note_verdict(connection, one, number, verdict)  # type: ignore[arg-type]


def _measure(services: Services, deployment: dict[str, Any]) -> str:
    with services.database.transaction(writing=False) as connection:
        model = trained_model.find_for_monitoring(connection, deployment["model_id"])
        rows = deployment_input.list_newest(connection, deployment["id"])
    try:
        # Without what was answered: the verdict is about what was asked alone.
        return services.predictions.measure_drift(model, rows, ())["verdict"]
    except EngineMissing as missing:
        _log.warning("drift_not_measured", deployment_id=deployment["id"], error=missing.reason)
        return UNKNOWN
