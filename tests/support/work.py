"""What the tests of workers share: a project with jobs in it, and workers that can be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import func, select

from projects_api.models import job, job_log
from projects_api.models.experiment import experiments
from tests.conftest import Person, Server
from tests.support import job_kinds
from tests.support.processes import wait_until

ROOT = Path(__file__).parents[2]
PROMPT = {"job_poll_seconds": 0.1, "job_lease_seconds": 1.0}


@dataclass
class Work:
    """A project with jobs in it."""

    server: Server
    owner: Person
    project_id: str

    def add(self, do: str, *, seconds: float = 60.0, memory: int | None = None, **arguments) -> str:
        with self.server.services.database.transaction() as connection:
            return job.create(
                connection,
                user_id=self.owner.user_id,
                project_id=self.project_id,
                kind=job_kinds.KIND,
                entity_id=job_kinds.add_experiment(connection, self.project_id, "asked for"),
                arguments={"do": do, **arguments},
                max_runtime_seconds=seconds,
                max_memory_bytes=memory,
            )

    def run(self, do: str, **options) -> dict:
        return self.server.run_job(self.add(do, **options))

    def entity(self, job_id: str) -> dict:
        entity_id = self.server.job(job_id)["entity_id"]
        with self.server.services.database.transaction(writing=False) as connection:
            found = select(experiments).where(experiments.c.id == entity_id)
            return connection.execute(found).one()._asdict()

    def made(self, name: str) -> int:
        """Count the experiments of a name that jobs made."""
        wanted = (experiments.c.name == name, experiments.c.project_id == self.project_id)
        with self.server.services.database.transaction(writing=False) as connection:
            return connection.execute(select(func.count()).where(*wanted)).scalar_one()

    def log(self, job_id: str, limit: int = 100) -> list[str]:
        with self.server.services.database.transaction(writing=False) as connection:
            lines, _total = job_log.list_logs(connection, job_id, limit=limit, offset=0)
        assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
        return [line["message"] for line in lines]

    def cancel(self, job_id: str) -> None:
        with self.server.services.database.transaction() as connection:
            job.request_cancel(connection, job_id)

    def wait_for(self, job_id: str, status: str) -> dict:
        wait_until(lambda: self.server.job(job_id)["status"] == status, f"the job is {status}")
        return self.server.job(job_id)

    def processes(self, job_id: str, count: int, before: int = 0) -> list[psutil.Process]:
        """Wait for so many processes to tell their number in the job's log, after others did."""
        told = before + count
        wait_until(lambda: len(self.log(job_id)) >= told, "the processes of the job work")
        return [psutil.Process(int(line.split()[0])) for line in self.log(job_id)[before:told]]


class Running:
    """A worker, or a server with one, in a process of its own."""

    def __init__(self, server: Server, log: Path, *words: str, **more: object) -> None:
        variables = {
            **more,
            "database_url": server.settings.database,
            "data_dir": server.settings.data_dir,
            **PROMPT,
        }
        environment = {
            f"PROJECTS_API_{name.upper()}": str(value) for name, value in variables.items()
        }
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", job_kinds.MODULE, *words],
                env={**os.environ, **environment},
                cwd=ROOT,
                stderr=output,
            )

    def stop(self) -> None:
        self.popen.terminate()
        assert self.popen.wait(30) == 0

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(30)


def job_processes(worker: psutil.Process) -> list[psutil.Process]:
    """Find the processes of the jobs that a worker has done, but not what they are forked from."""
    found = []
    for one in worker.children():
        with suppress(psutil.NoSuchProcess):  # what ended meanwhile
            if "projects_api.jobs" in one.cmdline():
                found += one.children(recursive=True)
    return found


def is_dead(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # It ended between the two questions.
        return True


@contextmanager
def paused(first: psutil.Process) -> Iterator[None]:
    """Stop a process with all that it has started, as long as the block runs."""
    stopped: list[psutil.Process] = []
    try:
        first.suspend()  # It starts no other any more.
        stopped.append(first)
        for process in first.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()
