"""Workers and the processes that they watch: what ends a job, and what is left of it."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import delete, func, select, update

from projects_api.jobs import KINDS
from projects_api.models import artifact, job, job_lease, project
from projects_api.models.base import new_id
from projects_api.models.experiment import experiments
from projects_api.models.job import jobs
from projects_api.server.job_process import scratch_folder
from projects_api.server.running_job import WRITE_SECONDS, JobLost, RunningJob
from projects_api.server.worker import Workers
from tests.conftest import Person, Server
from tests.server import job_kinds
from tests.server.processes import wait_until

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1024 * 1024
PROMPT = {"job_poll_seconds": 0.1, "job_lease_seconds": 1.0}


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    for kind in list(KINDS):
        monkeypatch.delitem(KINDS, kind)
    monkeypatch.setitem(KINDS, job_kinds.KIND, job_kinds.MODULE)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


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
            lines, total = job.list_logs(connection, job_id, limit=limit, offset=0)
        assert [line["number"] for line in lines] == list(range(1, total + 1))
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


@pytest.fixture
def work(server: Server) -> Iterator[Work]:
    owner = server.person()
    yield Work(server, owner, owner.create_project())
    with server.services.database.transaction() as connection:
        connection.execute(delete(jobs))


@pytest.fixture
def workers(server: Server) -> Iterator[Workers]:
    """One worker in this process, with little patience."""
    with Workers(server.settings.model_copy(update=PROMPT), 1) as workers:
        yield workers


class Running:
    """A worker in a process of its own."""

    def __init__(self, server: Server, log: Path) -> None:
        variables = {
            "DATABASE_URL": server.settings.database,
            "DATA_DIR": server.settings.data_dir,
            **{name.upper(): value for name, value in PROMPT.items()},
        }
        environment = {f"PROJECTS_API_{name}": str(value) for name, value in variables.items()}
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", job_kinds.MODULE],
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


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator:
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(server, tmp_path / f"worker{len(started)}.log"))
        return started[-1]

    yield start
    for worker in started:
        if worker.popen.poll() is None:
            worker.kill()


def is_dead(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_success(work: Work):
    done = work.run("succeed")
    assert done["status"] == "succeeded"
    assert (done["progress"], done["stage"], done["message"]) == (100.0, None, None)
    assert (done["attempts"], done["owner"], done["lease_expires_at"]) == (1, None, None)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    assert work.made(done["id"]) == 1
    assert work.entity(done["id"])["status"] == "running"  # `finish` is where a kind says more
    assert list((work.server.settings.data_dir / "scratch").iterdir()) == []


def test_files_are_kept_with_the_rows_that_name_them(work: Work):
    done = work.run("keep")
    assert done["status"] == "succeeded"
    with work.server.services.database.transaction(writing=False) as connection:
        (file,) = artifact.list_contents(connection, work.project_id).values()
    kept = b"".join(work.server.services.artifacts.read(file["sha256"]))
    assert kept == f"what {done['id']} made".encode()


@pytest.mark.parametrize(
    ("do", "arguments", "message"),
    [
        ("fail", {}, "The table has no column `is_fraud`."),
        ("err", {}, "The work ended by a fault that nobody expected."),
        ("exit", {"status": 0}, "The process that did the work ended in the midst of it (exit"),
        ("exit", {"status": 3}, "The process that did the work ended in the midst of it (exit"),
        ("crash", {}, "The process that did the work ended in the midst of it (SIGSEGV)"),
        ("burst", {}, "The work needed more memory than the job may have."),
    ],
)
def test_failures_say_what_happened(work: Work, do, arguments, message):
    done = work.run(do, **arguments)
    assert done["status"] == "failed"
    assert done["message"].startswith(message)
    assert "Traceback" not in done["message"]
    assert "not for callers" not in done["message"]
    entity = work.entity(done["id"])
    assert (entity["status"], entity["message"]) == ("failed", done["message"])


def test_progress_and_log_outlive_a_failure(work: Work):
    done = work.run("fail")
    assert (done["progress"], done["stage"], done["seconds_left"]) == (40.0, "looking", None)
    (line,) = work.log(done["id"])
    assert line.endswith("works")


def test_the_operator_finds_the_traceback(work: Work, start, tmp_path):
    start()
    work.wait_for(job_id := work.add("err"), "failed")
    log = (tmp_path / "worker0.log").read_text()
    assert "ZeroDivisionError: not for callers" in log
    assert '"line":"about to divide"' in log
    assert job_id in log


def test_time_limit_on_a_process_that_hangs(work: Work, workers):
    job_id = work.add("hang", seconds=4)
    (process,) = work.processes(job_id, 1)
    done = work.wait_for(job_id, "failed")
    assert "longer than the 4 seconds" in done["message"]
    assert is_dead(process)


def test_time_limit_in_the_midst_of_a_transaction(work: Work):
    done = work.run("hold", seconds=1.5)
    assert done["status"] == "failed"
    assert work.made("never committed") == 0


def test_memory_limit_counts_every_process_of_the_job(work: Work):
    began = time.monotonic()
    done = work.run("grow", memory=300 * MEBIBYTE, python=sys.executable)
    assert done["status"] == "failed"
    assert "more than the 300 MiB of memory" in done["message"]
    assert time.monotonic() - began < 10


def test_the_workers_memory_limit_holds_too(work: Work):
    job_id = work.add("grow", memory=64 << 30, python=sys.executable)
    done = work.server.run_job(job_id, job_memory_bytes=300 * MEBIBYTE)
    assert "more than the 300 MiB of memory" in done["message"]


def test_cancel_of_a_running_job(work: Work, workers):
    job_id = work.add("wait")
    processes = work.processes(job_id, 2)
    running = work.server.job(job_id)
    assert (running["status"], running["stage"]) == ("running", "waiting")
    assert work.entity(job_id)["status"] == "running"
    began = time.monotonic()
    work.cancel(job_id)
    done = work.wait_for(job_id, "cancelled")
    assert time.monotonic() - began < 2
    assert done["message"] == job.CANCELLED
    assert work.entity(job_id)["status"] == "cancelled"
    assert all(map(is_dead, processes))


def test_cancel_of_a_queued_job(work: Work):
    job_id = work.add("succeed")
    work.cancel(job_id)
    done = work.server.job(job_id)
    assert (done["status"], done["message"]) == ("cancelled", job.CANCELLED)
    assert done["finished_at"]
    with pytest.raises(AssertionError, match="does not wait"):
        work.server.run_job(job_id)


def test_cancel_of_what_has_ended_changes_nothing(work: Work):
    done = work.run("succeed")
    work.cancel(done["id"])
    assert work.server.job(done["id"]) | {"cancel_requested": False} == done


def test_project_deleted_while_its_job_runs(work: Work, workers):
    job_id = work.add("wait")
    processes = work.processes(job_id, 2)
    assert work.owner.delete(f"/api/projects/{work.project_id}").status_code == 200
    wait_until(lambda: all(map(is_dead, processes)), "the processes of the job end")
    work.project_id = work.owner.create_project()
    work.wait_for(work.add("succeed"), "succeeded")  # The worker goes on.


def test_project_deleted_in_the_midst_of_a_transaction(work: Work, workers):
    job_id = work.add("hold", seconds=2)
    wait_until(lambda: work.server.job(job_id)["status"] == "running", "the job runs")
    time.sleep(1)
    assert work.owner.delete(f"/api/projects/{work.project_id}").status_code == 200


def test_stopping_gives_the_job_back(work: Work, workers):
    job_id = work.add("wait")
    processes = work.processes(job_id, 2)
    began = time.monotonic()
    workers.stop()
    assert time.monotonic() - began < 2
    assert all(map(is_dead, processes))
    back = work.server.job(job_id)
    assert (back["status"], back["attempts"], back["owner"]) == ("queued", 0, None)


def test_kill_of_a_worker(work: Work, start):
    first, job_id = start(), work.add("wait")
    processes = work.processes(job_id, 2)
    second = start()
    first.kill()
    wait_until(lambda: all(map(is_dead, processes)), "the processes of the job end")
    others = work.processes(job_id, 2, before=2)
    taken = work.server.job(job_id)
    assert (taken["status"], taken["attempts"]) == ("running", 2)
    second.stop()
    assert all(map(is_dead, others))
    assert work.server.job(job_id)["status"] == "queued"


def test_kill_of_worker_after_worker(work: Work, start):
    job_id = work.add("wait")
    for attempt in range(3):
        worker = start()
        work.processes(job_id, 2, before=2 * attempt)
        worker.kill()
    start()
    done = work.wait_for(job_id, "failed")
    assert done["attempts"] == 3
    assert "stopped in the midst of it, 3 times" in done["message"]
    assert work.entity(job_id)["status"] == "failed"


def test_kill_in_the_midst_and_the_next_one_finishes(work: Work, start):
    first, job_id = start(), work.add("succeed", seconds=60)
    wait_until(lambda: work.log(job_id), "the job runs")
    first.kill()
    start()
    work.wait_for(job_id, "succeeded")
    assert work.made(job_id) == 1


def test_two_workers_share_the_jobs(work: Work, start):
    first, second = start(), start()
    ids = [work.add("succeed") for _ in range(20)]
    for job_id in ids:
        done = work.wait_for(job_id, "succeeded")
        assert done["attempts"] == 1
        assert len(work.log(job_id)) == 1
        assert work.made(job_id) == 1
    first.stop()
    second.stop()


def test_a_worker_that_lost_its_lease_writes_nothing(work: Work, tmp_path):
    """Even where its process goes on, as on a machine that was cut off for a while."""
    file = tmp_path / "go on"
    job_id = work.add("linger", file=str(file))
    # This worker looks too seldom to learn that its lease was lost.
    slow = work.server.settings.model_copy(
        update={"job_poll_seconds": 60.0, "job_lease_seconds": 1.0, "data_dir": tmp_path}
    )
    workers = Workers(slow, 1)
    workers.start()
    try:
        wait_until(lambda: work.log(job_id), "the job runs")
        time.sleep(1.2)
        with work.server.services.database.transaction() as connection:
            taken = job_lease.claim(
                connection, new_id(), kinds=KINDS, lease_seconds=60, job_id=job_id
            )
        assert taken["attempts"] == 2
        file.touch()
        tried = Path(f"{file}.tried")
        wait_until(tried.exists, "the first process goes on")
        wait_until(lambda: not list((tmp_path / "scratch").iterdir()), "it has ended")
        assert work.made("written without a lease") == 0
        kept = work.server.job(job_id)
        assert (kept["status"], kept["owner"]) == ("running", taken["owner"])
    finally:
        workers.stop()


def test_what_dead_workers_left_is_removed(tmp_path):
    left, in_use = tmp_path / "job-left", tmp_path / "job-in-use"
    for folder in (left, in_use):
        folder.mkdir()
        (folder / "file").touch()
        os.utime(folder, (0, 0))
    lock = os.open(in_use, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with scratch_folder(tmp_path) as folder:
        (folder / "file").touch()
        assert set(tmp_path.iterdir()) == {in_use, folder}
    assert set(tmp_path.iterdir()) == {in_use}
    os.close(lock)


class TestFence:
    """What a process may still do, whose job went on without it while it was in a transaction."""

    @pytest.fixture
    def running(self, work: Work, tmp_path) -> Iterator[RunningJob]:
        job_id = work.add("succeed")
        services = work.server.services
        with services.database.transaction() as connection:
            facts = job_lease.claim(
                connection, new_id(), kinds=KINDS, lease_seconds=0.1, job_id=job_id
            )
        job = RunningJob(facts, services.database, services.artifacts, tmp_path)
        yield job
        job.close()

    def add(self, work: Work, connection) -> None:
        job_kinds.add_experiment(connection, work.project_id, "fenced")

    def test_its_transaction_is_kept_while_it_has_the_job(self, work: Work, running):
        with running.transaction() as connection:
            self.add(work, connection)
        assert work.made("fenced") == 1

    def test_lost_before(self, work: Work, running):
        time.sleep(0.15)
        with work.server.services.database.transaction() as connection:
            job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60, job_id=running.id)
        with pytest.raises(JobLost), running.finish() as connection:
            self.add(work, connection)
        assert work.made("fenced") == 0

    def test_lost_in_between(self, work: Work, running):
        """PostgreSQL only: SQLite lets nobody else write during a transaction."""
        if work.server.kind == "sqlite":
            pytest.skip("no other writer comes in between")
        time.sleep(0.15)
        owner = new_id()

        def take() -> None:
            with work.server.services.database.transaction() as other:
                job_lease.claim(other, owner, kinds=KINDS, lease_seconds=60, job_id=running.id)

        with pytest.raises(JobLost), running.finish() as connection:
            self.add(work, connection) or take()
        assert work.made("fenced") == 0
        assert work.server.job(running.id)["owner"] == owner

    def test_cancelled(self, work: Work, running):
        work.cancel(running.id)
        with pytest.raises(JobLost), running.transaction() as connection:
            self.add(work, connection)
        assert work.made("fenced") == 0

    def test_removed(self, work: Work, running):
        with work.server.services.database.transaction() as connection:
            project.remove(connection, work.project_id)
        with pytest.raises(JobLost), running.finish() as connection:
            self.add(work, connection)

    def test_progress(self, work: Work, running):
        with work.server.services.database.transaction() as connection:
            connection.execute(
                update(jobs).where(jobs.c.id == running.id).values(owner=new_id(), progress=50.0)
            )
        running.report(70)

        def is_told() -> bool:
            try:
                running.log("in vain")
            except JobLost:
                return True
            return False

        wait_until(is_told, "the job learns that it was lost")
        assert work.server.job(running.id)["progress"] == 50.0
        assert work.log(running.id) == []


def test_progress_is_written_at_once_and_seldom(work: Work, tmp_path, monkeypatch):
    job_id, writes = work.add("succeed"), []
    services, record = work.server.services, job_lease.record_progress

    def count(*facts, **more):
        writes.append(more["progress"])
        return record(*facts, **more)

    monkeypatch.setattr(job_lease, "record_progress", count)
    with services.database.transaction() as connection:
        facts = job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60, job_id=job_id)
    running = RunningJob(facts, services.database, services.artifacts, tmp_path)
    running.report(1)
    wait_until(lambda: work.server.job(job_id)["progress"] == 1, "the first report is written")
    began = time.monotonic()
    for number in range(2000):
        running.report(number / 20, stage=f"step {number}\0", seconds_left=float("nan"))
        running.log(f"line {number} \ud800\0")
    running.report(float("nan"))
    running.close()
    assert len(writes) <= 3 + (time.monotonic() - began) / WRITE_SECONDS
    told = work.server.job(job_id)
    assert (told["progress"], told["seconds_left"]) == (99.95, None)
    assert told["stage"] == "step 1999\N{REPLACEMENT CHARACTER}"
    lines = [f"line {number} ?\N{REPLACEMENT CHARACTER}" for number in range(2000)]
    assert work.log(job_id, limit=2000) == lines
