"""Workers that die, that lose a job, and that share their work; servers that have a worker."""

import fcntl
import os
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from projects_api.ephemeral.seed import PEOPLE
from projects_api.ephemeral.server import EphemeralServer
from projects_api.jobs import KINDS
from projects_api.jobs.job_process import scratch_folder
from projects_api.jobs.worker import Workers
from projects_api.models import job, job_lease, project, user
from projects_api.models.base import new_id, rows_of
from projects_api.models.experiment import experiments
from projects_api.models.job import jobs
from tests.support import job_kinds
from tests.support.processes import wait_until
from tests.support.work import PROMPT, Work, is_dead, job_processes


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


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_has_a_worker(work: Work, start, processes):
    server, job_id = start("serve", port=0, workers=processes), work.add("wait")
    of_the_job = work.processes(job_id, 2)
    server.stop()
    assert all(map(is_dead, of_the_job))
    assert work.server.job(job_id)["status"] == "queued"


def test_a_server_that_is_killed_takes_its_job_along(work: Work, start):
    server, job_id = start("serve", port=0), work.add("wait")
    of_the_job = work.processes(job_id, 2)
    server.kill()
    wait_until(lambda: all(map(is_dead, of_the_job)), "the processes of the job end")


def test_a_server_without_worker(work: Work, start, tmp_path):
    start("serve", port=0, embedded_workers=0)
    job_id = work.add("succeed")
    started = tmp_path / "worker0.log"
    wait_until(lambda: "Application startup complete" in started.read_text(), "it has started")
    time.sleep(4 * PROMPT["job_poll_seconds"])
    assert work.server.job(job_id)["status"] == "queued"


@pytest.mark.usefixtures("kinds")
class TestEphemeral:
    def queue(self, server: EphemeralServer, do: str) -> str:
        with server.services.database.transaction() as connection:
            user_id = user.find_id(connection, PEOPLE["owner"].email)
            made = project.create(connection, user_id, name="Jobs", description="")
            return job.create(
                connection,
                user_id=user_id,
                project_id=made["id"],
                kind=job_kinds.KIND,
                entity_id=new_id(),
                arguments={"do": do},
                max_runtime_seconds=60,
            )

    def show(self, server: EphemeralServer, job_id: str) -> dict | None:
        with server.services.database.transaction(writing=False) as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
        return row and row._asdict()

    def test_a_reset_ends_what_runs_and_leaves_nothing_of_it(self):
        with EphemeralServer.temporary(None) as server, server.workers:
            job_id = self.queue(server, "wait")
            wait_until(lambda: self.show(server, job_id)["stage"] == "waiting", "the job runs")
            running = job_processes(psutil.Process())
            assert running
            server.reset()
            wait_until(lambda: all(map(is_dead, running)), "its processes end")
            assert self.show(server, job_id) is None
            after = self.queue(server, "succeed")
            wait_until(lambda: self.show(server, after)["finished_at"], "the next job is done")

    def test_moments_and_ids_are_the_same_in_every_run(self):
        seen = []
        for _ in range(2):
            clock = datetime.fromisoformat("2026-03-01T00:00:00Z")
            with EphemeralServer.temporary(None, clock) as server, server.workers:
                job_id = self.queue(server, "succeed")
                wait_until(lambda: self.show(server, job_id)["finished_at"], "the job is done")  # noqa: B023
                with server.services.database.transaction(writing=False) as connection:
                    made = rows_of(connection.execute(select(experiments)))
                done = self.show(server, job_id)
                seen.append((done["started_at"], done["finished_at"], made))
        assert seen[0] == seen[1]
        assert seen[0][0] == seen[0][1]


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
