"""The process that works on one job, forked from one that has loaded what it needs (`__main__`)."""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import traceback
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.engines import join_h2o
from projects_api.files.room import lacks_room
from projects_api.jobs import messages
from projects_api.jobs.ray.machines import Machines
from projects_api.jobs.repeatable import RepeatableOrigin
from projects_api.jobs.running_job import JobFailed, JobLost, RunningJob
from projects_api.processes.resource_limits import limit
from projects_api.settings import Settings
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.faults import FULL, LOST, PASSING
from projects_api.storage.quotas import Quotas
from projects_api.storage.store import ArtifactStore
from projects_api.tables import limit_cells

PR_SET_PDEATHSIG = 1
SPARE_BYTES = 1 << 30
NO_RESULT = "The work ended without a result. This is a fault of the server: tell its operator."
NO_MEMORY = "The work needed more memory than the job may have. Try it with less data."
WITHOUT_ANSWER = (
    "The database or the artifact store did not answer. The work begins anew when it does."
)
STORE_FULL = (
    "The disk of the database or of the artifact store has no room. The work begins anew when it "
    "may have."
)
WITHOUT_ROOM = (
    "The disk has no room for the files that the work makes. The work begins anew when it may have."
)
FILE_LOST = (
    "A file that the work needs is missing or damaged in the artifact store. Where it was "
    "uploaded, upload the same file again, which repairs it; or ask the server's operator to "
    "restore it."
)
UNEXPECTED = (
    "The work ended by a fault that nobody expected. The server's operator finds it in the log, "
    "under the id of this job."
)


def begin(worker: socket.socket, output: int) -> None:
    """Make a process of what was forked: with a session, an output, and an end that is sure.

    It ends when its parent does, and its parent ends the whole session when the worker does.
    """
    parent = os.getppid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    messages.send(worker, messages.Tag.BEGAN, os.getpid())
    worker.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.close(nothing)
    os.close(output)


def work(task: dict[str, Any]) -> NoReturn:
    """Do the task, and leave a failure where the worker looks for it."""
    os.environ.clear()
    os.environ.update(task["environment"])
    tempfile.tempdir = None  # which may have been asked for while the environment was another
    _limit(task["memory_bytes"])
    failure = _work(task)
    status = _leave(failure, Path(task["failure"])) if failure else 0
    sys.stdout.flush()
    sys.stderr.flush()
    # What libraries started and never ended should not keep the process from its end.
    os._exit(status)


def _leave(failure: dict[str, str], path: Path) -> int:
    """Write a failure down; give the exit status, which says the most where there is no room."""
    try:
        path.write_text(json.dumps(failure))
    except OSError:
        return os.EX_TEMPFAIL if failure.get("passes") else 1
    return 1


def _limit(memory_bytes: int) -> None:
    # The worker watches what is used. This is for what grows faster than it looks, and counts more.
    limit(resource.RLIMIT_DATA, 2 * memory_bytes + SPARE_BYTES)
    limit(resource.RLIMIT_CORE, 0)


def _work(task: dict[str, Any]) -> dict[str, str] | None:
    """Run the module of the job; return what to tell of its failure."""
    try:
        job = _open(task)
        try:
            import_module(task["module"]).run(job)
        finally:
            job.close()
    except JobLost:
        return None
    except BaseException as error:  # noqa: BLE001 - whatever it is, the worker must hear of it
        return _told(error)
    return None if job.finished else {"message": NO_RESULT}


def _told(error: BaseException) -> dict[str, str]:
    if isinstance(error, JobFailed):
        return {"message": str(error)}
    told = {"message": UNEXPECTED, "traceback": "".join(traceback.format_exception(error))}
    if isinstance(error, LOST):
        told["message"] = FILE_LOST
    elif isinstance(error, FULL):
        told |= {"message": STORE_FULL, "passes": "later"}
    elif isinstance(error, PASSING):
        told |= {"message": WITHOUT_ANSWER, "passes": "later"}
    elif lacks_room(error):
        told |= {"message": WITHOUT_ROOM, "passes": "later"}
    elif isinstance(error, MemoryError):
        told["message"] = NO_MEMORY
    return told


def _open(task: dict[str, Any]) -> RunningJob:
    if task["clock"]:
        _repeat(task["clock"], task["job"]["id"])
    settings = Settings(_env_file=None, **task["settings"])
    # A statement may take its time here: nobody waits, and the work of hours hangs on it.
    limits = replace(Limits(**settings.database_limits), statement=0, lock=0)
    database = Database(settings.database, connections=2, limits=limits)
    quotas = Quotas(**settings.quotas)
    artifacts = Artifacts(database, ArtifactStore(settings.artifacts), quotas)
    limit_cells(settings.max_table_cells)
    join_h2o(settings.h2o_url, settings.h2o_user, settings.h2o_password)
    remote = Machines.of(settings)
    facts = {**task["job"], "memory_bytes": task["memory_bytes"], "remote": remote}
    return RunningJob(facts, database, artifacts, Path(task["folder"]), Path(task["stop"]))


def _repeat(clock: str, job_id: str) -> None:
    """Let moments and ids be the same in every run, and no id be one of the server's own."""
    number = UUID(job_id).int & 0x3FFFFFFF
    RepeatableOrigin(datetime.fromisoformat(clock), first=number + 1 << 32).take_over()
