"""As a program, a worker that dies by SIGKILL, and its job with it, in the midst of an import."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil

from projects_api.database import Database
from projects_api.jobs import KINDS
from projects_api.jobs.kinds import import_project
from projects_api.jobs.kinds.import_project import end
from projects_api.jobs.running_job import RunningJob
from projects_api.jobs.worker import Worker
from projects_api.settings import Settings

__all__ = ["end", "run"]

MODULE = "tests.support.crashing_import"


def run(job: RunningJob) -> None:
    """Import, and die when everything is stored and inserted, and nothing is committed."""
    insert = import_project.insert_unpacked

    def insert_and_die(*arguments, **options):
        insert(*arguments, **options)
        Path(os.environ["DYING_MARK"]).touch()
        os.kill(psutil.Process().parent().ppid(), signal.SIGKILL)
        time.sleep(60)

    import_project.insert_unpacked = insert_and_die
    import_project.run(job)


if __name__ == "__main__":
    KINDS.clear()
    KINDS["import_project"] = MODULE
    settings = Settings()
    only = os.environ["DYING_JOB"]
    Worker(settings, Database(settings.database), threading.Event(), only).work_once()
