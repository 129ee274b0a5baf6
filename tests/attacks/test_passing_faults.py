"""A database or a store that is away for a while: what meets that waits, and fails for it late."""

import errno
import hashlib
import time

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from projects_api.models import job_lease
from projects_api.settings import Settings
from tests.conftest import running
from tests.support.fixtures import REGION
from tests.support.processes import free_port, wait_until


class Bucket:
    """A bucket on a server that can go away and come back with all that it had."""

    def __init__(self) -> None:
        self._port = free_port()
        self._server: ThreadedMotoServer | None = None

    def come(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def go(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        endpoint, name = f"http://127.0.0.1:{self._port}", f"bucket-{self._port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
        client.create_bucket(Bucket=name)
        return f"s3://{name}?endpoint={endpoint}&region={REGION}"


@pytest.fixture
def bucket(s3_server):
    bucket = Bucket()
    bucket.come()
    yield bucket
    bucket.go()


@pytest.fixture
def server(bucket, new_database_url, tmp_path):
    settings = Settings(
        _env_file=None,
        database_url=new_database_url,
        data_dir=tmp_path,
        artifact_url=bucket.url,
        maintenance_seconds=3600,
        job_retry_seconds=1,
    )
    with running(settings) as server:
        yield server


def test_a_store_that_is_away_puts_a_job_back(work, bucket, workers):
    bucket.go()
    job_id = work.add("keep")
    waiting = "did not answer"
    wait_until(lambda: any(waiting in line for line in work.log(job_id)), "it is put back")
    assert work.server.job(job_id)["status"] in {"queued", "running"}
    bucket.come()
    done = work.wait_for(job_id, "succeeded")
    assert (done["attempts"], done["message"]) == (1, None)


def test_a_database_that_breaks_off_puts_a_job_back(work, tmp_path):
    job_id = work.add("stumble", file=str(tmp_path / "stumbled"))
    put_back = work.server.run_job(job_id)
    assert (put_back["status"], put_back["attempts"], put_back["owner"]) == ("queued", 0, None)
    assert put_back["faulted_since"]
    is_full = work.server.kind == "sqlite"
    assert ("no room" if is_full else "did not answer") in work.log(job_id)[-1]
    # It waits, and then it is anybody's.
    with work.server.services.database.transaction(writing=False) as connection:
        assert not job_lease.has_work(connection, ["test"])
    time.sleep(1.1)
    done = work.server.run_job(job_id)
    assert (done["status"], done["attempts"]) == ("succeeded", 1)
    assert work.made(job_id) == 1


@pytest.mark.parametrize("room", [100_000, 0])
def test_a_full_disk_puts_a_job_back(work, tmp_path, room):
    job_id = work.add("fill", file=str(tmp_path / "filled"), room=room)
    put_back = work.server.run_job(job_id, job_retry_seconds=0)
    assert (put_back["status"], put_back["attempts"], put_back["message"]) == ("queued", 0, None)
    assert "no room" in work.log(job_id)[-1]
    done = work.server.run_job(job_id)
    assert (done["status"], done["attempts"]) == ("succeeded", 1)
    assert work.made(job_id) == 1


def test_a_worker_whose_disk_is_full_puts_a_job_back(work, monkeypatch):
    """There is no room for as much as a folder."""

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job_id = work.add("succeed")
    with monkeypatch.context() as patched:
        patched.setattr("projects_api.jobs.worker.scratch_folder", full)
        put_back = work.server.run_job(job_id, job_retry_seconds=0)
    assert (put_back["status"], put_back["attempts"]) == ("queued", 0)
    assert work.server.run_job(job_id)["status"] == "succeeded"


def test_patience_ends(work, tmp_path):
    job_id = work.add("stumble", file=str(tmp_path / "stumbled"), always=True)
    options = {"job_retry_seconds": 0, "job_patience_seconds": 0.5}
    assert work.server.run_job(job_id, **options)["status"] == "queued"
    time.sleep(0.6)
    failed = work.server.run_job(job_id, **options)
    assert failed["status"] == "failed"
    assert "did not answer in the midst of the work" in failed["message"]
    assert work.entity(job_id)["status"] == "failed"


def test_more_often_than_workers_may_die(work, tmp_path):
    job_id = work.add("stumble", file=str(tmp_path / "stumbled"), always=True)
    for _ in range(job_lease.MAX_ATTEMPTS + 1):
        assert work.server.run_job(job_id, job_retry_seconds=0)["status"] == "queued"
        time.sleep(0.01)


def test_a_job_that_waits_is_cancelled_at_once(work, tmp_path):
    job_id = work.add("stumble", file=str(tmp_path / "stumbled"))
    work.server.run_job(job_id)
    work.cancel(job_id)
    assert work.server.job(job_id)["status"] == "cancelled"


def test_a_file_that_is_altered_fails_a_training_at_once(server):
    table = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(100))
    me = server.person()
    project_id = me.create_project()
    uploaded = me.upload(project_id, table).json()
    sha256 = hashlib.sha256(table).hexdigest()
    store = server.services.artifacts.store
    store._store.put(f"sha256/{sha256[:2]}/{sha256}", table[:-2] + b"7\n")
    about = {
        "project_id": project_id,
        "dataset_version_id": uploaded["dataset_version_id"],
        "name": "AutoML Run 1",
        "target_column": "b",
        "problem_type": "classification",
        "config": {"max_runtime_secs": 5},
    }
    started = me.post("/api/experiments", json=about)
    assert started.status_code == 201, started.text
    failed = server.run_job(started.json()["job_id"])
    assert failed["status"] == "failed"
    assert "missing or damaged in the artifact store" in failed["message"]
