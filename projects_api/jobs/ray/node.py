"""On a node of Ray: a worker of one job, in a process that ends with it."""

import os
import tempfile
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog

from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.jobs.worker import Worker
from projects_api.logs import set_up_logs
from projects_api.settings import Settings

FOLDER = "projects-api"
CONNECTIONS = 2
"""The worker needs one, and its hold another."""
_log = structlog.get_logger()


class JobActor:
    """An actor of Ray that takes a job, if it still waits, and sees it through.

    It has a name and belongs to nobody, so that it outlives the server that asked for it. Its work
    begins by itself: nobody may be there to call it once there is a place for it.
    """

    def __init__(
        self, job_id: str, settings: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        self._job_id = job_id
        self._settings = settings_on_node({**settings, "ray_address": _own_address()})
        os.environ |= limits_of_processors(self._settings)
        set_up_logs(self._settings.log_level, "json")
        threading.Thread(target=self._work, name="worker-0").start()

    def _work(self) -> None:
        try:
            work_on(self._job_id, self._settings)
        except Exception:  # noqa: BLE001 - the process ends with its one job
            # The row tells what is to be done: it still waits, or its lease ends.
            _log.exception("job_left", job_id=self._job_id)
        finally:
            # The name is free again when Ray learns of it.
            os._exit(0)


def _own_address() -> str:
    """Tell where the cluster is of which this process is a worker."""
    address: str = import_module("ray").get_runtime_context().gcs_address
    return address


def settings_on_node(settings: Mapping[str, Any]) -> Settings:
    """Make the server's settings those of a node, which has a folder of its own for what passes."""
    folder = Path(tempfile.gettempdir(), FOLDER)
    return Settings(_env_file=None, **{**settings, "data_dir": folder})


def limits_of_processors(settings: Settings) -> dict[str, str]:
    """Give the variables by which a job's libraries keep to its processors, not to the node's.

    A part of a processor is one: there is no half thread.
    """
    cpus = str(max(1, int(settings.ray_job_cpus)))
    return {"LOKY_MAX_CPU_COUNT": cpus, "OMP_NUM_THREADS": cpus}


def work_on(job_id: str, settings: Settings) -> bool:
    """Take a job and see it through; tell whether it was there to be taken."""
    limits = Limits(**settings.database_limits)
    database = Database(settings.database, connections=CONNECTIONS, limits=limits)
    try:
        return Worker(settings, database, threading.Event(), only=job_id).work_once()
    finally:
        database.close()
