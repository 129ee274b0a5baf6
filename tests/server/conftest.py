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

from tests.server.processes import Deployment

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
