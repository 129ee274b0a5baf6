"""A kind of job for the tests of workers; as a program, a worker or server that knows no other."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, update

from projects_api.app.run import run as serve
from projects_api.app.run import run_workers
from projects_api.files.content import describe
from projects_api.jobs import KINDS
from projects_api.jobs.running_job import JobFailed, RunningJob
from projects_api.models import artifact, experiment
from projects_api.models.base import new_id
from projects_api.models.experiment import experiments
from projects_api.settings import Settings

KIND = "test"
MODULE = "tests.support.job_kinds"


def run(job: RunningJob) -> None:
    job.log(f"{os.getpid()} works")
    globals()[f"_{job.arguments['do']}"](job)


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    connection.execute(
        update(experiments)
        .where(experiments.c.id == entity_id)
        .values(status=status, message=message)
    )


def _succeed(job: RunningJob) -> None:
    """Make an experiment, which a second run of the same job would make twice."""
    with job.finish() as connection:
        add_experiment(connection, job.project_id, job.id)


def _succeed_later(job: RunningJob) -> None:
    """Succeed when there is a file."""
    while not Path(job.arguments["file"]).exists():
        time.sleep(0.02)
    _succeed(job)


def _keep(job: RunningJob) -> None:
    path = job.folder / "kept"
    path.write_text(f"what {job.id} made")
    content = describe(path)
    with job.finish({path: content}) as connection:
        artifact.create(connection, job.project_id, sha256=content.sha256, media_type="text/plain")


def _fail(job: RunningJob) -> None:
    job.report(40, stage="looking", seconds_left=3)
    raise JobFailed("The table has no column `is_fraud`.")


def _err(job: RunningJob) -> None:
    sys.stdout.write("about to divide\n")
    raise ZeroDivisionError("not for callers")


def _exit(job: RunningJob) -> None:
    os._exit(job.arguments["status"])


def _crash(job: RunningJob) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _show(job: RunningJob) -> None:
    """Tell what a process has of its own."""
    own = {
        "parent": os.getppid(),
        "mark": os.environ.get("MARK"),
        "folder": tempfile.gettempdir(),
        "id": new_id(),
        "open": {entry.name: _target(entry) for entry in Path("/proc/self/fd").iterdir()},
    }
    job.log(json.dumps(own))
    with job.finish():
        pass


def _target(descriptor: Path) -> str:
    """Tell what a descriptor is of, without its number; the one of the folder is gone by now."""
    with suppress(FileNotFoundError):
        return str(descriptor.readlink()).partition(":[")[0]
    return "folder"


def _wait(job: RunningJob) -> None:
    """Wait for ever, in a process that a process of this one's own waits beside."""
    other = subprocess.Popen(["sleep", "1000"])
    job.report(10, stage="waiting", seconds_left=1000)
    job.log(f"{other.pid} is a child")
    time.sleep(1000)


def _stumble(job: RunningJob) -> None:
    """Have the database fail, once or each time; then succeed."""
    before = Path(job.arguments["file"])
    if job.arguments.get("always") or not before.exists():
        before.touch()
        with job.database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            # More than the pages that are free in the file.
            connection.exec_driver_sql("CREATE TABLE no_room AS SELECT zeroblob(100000000)")
    _succeed(job)


def _fill(job: RunningJob) -> None:
    """Find no room on the disk, once, for a file or even for the telling of it; then succeed."""
    before = Path(job.arguments["file"])
    if not before.exists():
        before.touch()
        most = job.arguments["room"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        (job.folder / "large").write_bytes(bytes(10_000_000))
    _succeed(job)


def _hang(job: RunningJob) -> None:
    """Hang where neither a signal's handler nor another thread of Python ever has its turn."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    job.report(10, stage="hanging")
    time.sleep(0.2)
    re.match(r"(a|a)*$", "a" * 60 + "b")


def _grow(job: RunningJob) -> None:
    """Take memory, in a process beside this one."""
    code = "import time; a = [bytearray(10_000_000) for _ in range(60)]; time.sleep(1000)"
    subprocess.run([job.arguments["python"], "-c", code], check=True)


def _burst(job: RunningJob) -> None:
    """Take more memory at once than the system lets it."""
    bytearray(1 << 40)


def _linger(job: RunningJob) -> None:
    """Go on once a file says so, as if nothing had happened meanwhile."""
    job.report(10)
    gone_on = Path(job.arguments["file"])
    while not gone_on.exists():
        time.sleep(0.02)
    Path(f"{gone_on}.tried").touch()
    with job.transaction() as connection:
        add_experiment(connection, job.project_id, "written without a lease")


def _hold(job: RunningJob) -> None:
    """Hang in the midst of a transaction."""
    with job.transaction() as connection:
        add_experiment(connection, job.project_id, "never committed")
        job.report(10)
        time.sleep(1000)


def add_experiment(connection: Connection, project_id: str, name: str) -> str:
    return experiment.create(
        connection,
        project_id,
        name=name,
        status="queued",
        target_column="a",
        problem_type="classification",
    )


if __name__ == "__main__":
    KINDS.clear()
    KINDS[KIND] = MODULE
    if sys.argv[1:] == ["serve"]:
        serve(Settings())
    else:
        run_workers(Settings(), 1)
