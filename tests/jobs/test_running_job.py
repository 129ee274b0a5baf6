"""What the process of a job may write, and what not when the job went on without it."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from projects_api.jobs import KINDS
from projects_api.jobs.running_job import WRITE_SECONDS, JobLost, RunningJob
from projects_api.models import job_lease, project
from projects_api.models.base import new_id
from projects_api.models.job import jobs
from projects_api.models.job_log import MAX_CHARACTERS, MAX_LINES
from tests.support import job_kinds
from tests.support.processes import wait_until
from tests.support.work import Work


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
        job = RunningJob(facts, services.database, services.artifacts, tmp_path, tmp_path / "stop")
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


@pytest.fixture
def told(work: Work, tmp_path) -> Iterator[RunningJob]:
    """A job that tells of itself."""
    services, job_id = work.server.services, work.add("succeed")
    with services.database.transaction() as connection:
        facts = job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60, job_id=job_id)
    running = RunningJob(facts, services.database, services.artifacts, tmp_path, tmp_path / "stop")
    yield running
    running.close()


def test_a_log_has_so_many_lines_and_no_more(work: Work, told):
    def wait_for(lines: int) -> None:
        def are_there() -> bool:
            return len(work.log(told.id, limit=2 * MAX_LINES)) == lines

        wait_until(are_there, f"{lines} lines are written")

    for number in range(MAX_LINES - 10):
        told.log(f"line {number}")
    wait_for(MAX_LINES - 10)
    for number in range(20):
        told.log(f"more {number}")
    wait_for(MAX_LINES)
    for progress in (70, 80):
        told.log("in vain")
        told.report(progress)
        told.log("in vain")
        wait_until(lambda: work.server.job(told.id)["progress"] == progress, "it is heard")  # noqa: B023
    lines = work.log(told.id, limit=2 * MAX_LINES)
    assert lines[-11:] == [f"line {MAX_LINES - 11}", *(f"more {number}" for number in range(10))]
    assert len(lines) == MAX_LINES == 10_000


def test_a_line_has_so_many_characters_and_no_more(work: Work, told):
    told.log("x" * 100_000)
    told.close()
    assert work.log(told.id) == ["x" * MAX_CHARACTERS]
    assert MAX_CHARACTERS == 4_000


def test_progress_is_written_at_once_and_seldom(work: Work, tmp_path, monkeypatch):
    job_id, writes = work.add("succeed"), []
    services, record = work.server.services, job_lease.record_progress

    def count(*facts, **more):
        writes.append(more["progress"])
        return record(*facts, **more)

    monkeypatch.setattr(job_lease, "record_progress", count)
    with services.database.transaction() as connection:
        facts = job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60, job_id=job_id)
    running = RunningJob(facts, services.database, services.artifacts, tmp_path, tmp_path / "stop")
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


def test_lines_that_cannot_be_written_have_a_bound_too(work: Work, told):
    with work.server.services.database.transaction() as connection:
        this = jobs.c.id == told.id
        connection.execute(update(jobs).where(this).values(progress=1.0))  # and nobody else writes
        told.log("the first")
        wait_until(lambda: not told._teller._lines, "it is being written, and waits")
        for _ in range(MAX_LINES + 100):
            told.log("x" * (MAX_CHARACTERS + 1))
        assert len(told._teller._lines) <= MAX_LINES
        assert max(map(len, told._teller._lines)) == MAX_CHARACTERS
