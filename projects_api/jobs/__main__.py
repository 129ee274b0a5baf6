"""The process that works on one job: `python -m projects_api.jobs`, started by a worker.

Its standard input holds the task as a line of JSON, and ends when the worker does.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

NICENESS = 5
"""Servers on the same machine come first."""
PR_SET_PDEATHSIG = 1
SPARE_BYTES = 1 << 30
NO_RESULT = "The work ended without a result. This is a fault of the server: tell its operator."
NO_MEMORY = "The work needed more memory than the job may have. Try it with less data."
UNEXPECTED = (
    "The work ended by a fault that nobody expected. The server's operator finds it in the log, "
    "under the id of this job."
)


def main() -> NoReturn:
    """Do the task, and leave a failure where the worker looks for it."""
    task = json.loads(sys.stdin.readline())
    _die_with(task["worker"])
    _limit(task["memory_bytes"])
    failure = _work(task)
    if failure:
        Path(task["failure"]).write_text(json.dumps(failure))
    sys.stdout.flush()
    sys.stderr.flush()
    # What libraries started and never ended should not keep the process from its end.
    os._exit(1 if failure else 0)


def _die_with(worker: int) -> None:
    """End when the worker does, even by SIGKILL, together with all that was started from here."""
    if os.fork() == 0:
        _guard()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker:
        os.killpg(0, signal.SIGKILL)


def _guard() -> NoReturn:
    """Kill every process of the job once the worker is gone: it holds the pipe's other end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    try:
        while os.read(0, 1):
            pass
    finally:
        os.killpg(0, signal.SIGKILL)
        os._exit(1)  # Not reached, for it kills itself too.


def _limit(memory_bytes: int) -> None:
    # The worker watches what is used. This is for what grows faster than it looks, and counts more.
    most = 2 * memory_bytes + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


def _work(task: dict[str, Any]) -> dict[str, str] | None:
    """Run the module of the job; return what to tell of its failure."""
    # After the fork, which copies what was imported before it.
    from projects_api.server.running_job import JobFailed, JobLost  # noqa: PLC0415

    try:
        job = _open(task)
        try:
            import_module(task["module"]).run(job)
        finally:
            job.close()
    except JobFailed as failure:
        return {"message": str(failure)}
    except JobLost:
        return None
    except MemoryError:
        return {"message": NO_MEMORY, "traceback": traceback.format_exc()}
    except BaseException:  # noqa: BLE001 - whatever it is, the worker must hear of it
        return {"message": UNEXPECTED, "traceback": traceback.format_exc()}
    return None if job.finished else {"message": NO_RESULT}


def _open(task: dict[str, Any]) -> Any:
    from projects_api.server.artifact_store import ArtifactStore  # noqa: PLC0415
    from projects_api.server.artifacts import Artifacts  # noqa: PLC0415
    from projects_api.server.database import Database  # noqa: PLC0415
    from projects_api.server.running_job import RunningJob  # noqa: PLC0415
    from projects_api.server.settings import Settings  # noqa: PLC0415

    if task["clock"]:
        _repeat(task["clock"], task["job"]["id"])
    settings = Settings(_env_file=None, **task["settings"])
    database = Database(settings.database, connections=2)
    artifacts = Artifacts(database, ArtifactStore(settings.artifacts))
    return RunningJob(task["job"], database, artifacts, Path(task["folder"]))


def _repeat(clock: str, job_id: str) -> None:
    """Let moments and ids be the same in every run, and no id be one of the server's own."""
    from projects_api.server.repeatable import RepeatableOrigin  # noqa: PLC0415

    number = UUID(job_id).int & 0x3FFFFFFF
    RepeatableOrigin(datetime.fromisoformat(clock), first=number + 1 << 32).take_over()


if __name__ == "__main__":
    main()
