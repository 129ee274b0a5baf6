"""A real S3-speaking server for the tests of what stores files."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from sqlalchemy import delete

from projects_api.jobs import KINDS
from projects_api.jobs.worker import Workers
from projects_api.models.job import jobs
from tests.conftest import Server
from tests.support import job_kinds
from tests.support.processes import Deployment
from tests.support.work import PROMPT, ROOT, Running, Work

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server; every bucket is new."""

    endpoint: str

    def new_bucket_url(self) -> str:
        name = f"bucket-{uuid4().hex}"
        boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION).create_bucket(
            Bucket=name
        )
        return self.url(name)

    def url(self, bucket: str) -> str:
        return f"s3://{bucket}/some/prefix?endpoint={self.endpoint}&region={REGION}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    credentials = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture
def deployment(new_database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """An installation with an empty database of each kind in turn."""
    deployment = Deployment(tmp_path, {"PROJECTS_API_DATABASE_URL": new_database_url})
    yield deployment
    deployment.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Deployment]:
    """An installation with nothing set: SQLite and a folder of files where the command runs."""
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def kinds(monkeypatch):
    for kind in list(KINDS):
        monkeypatch.delitem(KINDS, kind)
    monkeypatch.setitem(KINDS, job_kinds.KIND, job_kinds.MODULE)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def work(server: Server, kinds) -> Iterator[Work]:
    owner = server.person()
    yield Work(server, owner, owner.create_project())
    with server.services.database.transaction() as connection:
        connection.execute(delete(jobs))


@pytest.fixture
def workers(server: Server) -> Iterator[Workers]:
    """One worker in this process, with little patience."""
    with Workers(server.settings.model_copy(update=PROMPT), 1) as workers:
        yield workers


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator:
    started: list[Running] = []

    def start(*words: str, **settings: object) -> Running:
        log = tmp_path / f"worker{len(started)}.log"
        started.append(Running(server, log, *words, **settings))
        return started[-1]

    yield start
    for worker in started:
        if worker.popen.poll() is None:
            worker.kill()
