"""Workers and the processes that they watch: what ends a job, and what is left of it."""

import sys
import time

import pytest

from projects_api.models import artifact, job
from tests.support.processes import wait_until
from tests.support.work import Work, is_dead

MEBIBYTE = 1024 * 1024


def test_success(work: Work):
    done = work.run("succeed")
    assert done["status"] == "succeeded"
    assert (done["progress"], done["stage"], done["message"]) == (100.0, None, None)
    assert (done["attempts"], done["lease_expires_at"]) == (1, None)
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
    file = tmp_path / "worker0.log"
    wait_until(lambda: "ZeroDivisionError: not for callers" in file.read_text(), "it is logged")
    log = file.read_text()
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
    done = work.run("grow", memory=300 * MEBIBYTE, python=sys.executable)
    assert done["status"] == "failed"
    assert "more than the 300 MiB of memory" in done["message"]


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
    work.cancel(job_id)
    done = work.wait_for(job_id, "cancelled")
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
    workers.stop()
    assert all(map(is_dead, processes))
    back = work.server.job(job_id)
    assert (back["status"], back["attempts"], back["owner"]) == ("queued", 0, None)
