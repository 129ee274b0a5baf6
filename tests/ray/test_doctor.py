"""What the doctor says of a real Ray: what it has, and which of its nodes are amiss.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

import os
import re
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import make_url

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from projects_api.database import Database
from projects_api.database.schema import upgrade
from projects_api.jobs.ray.examination import CONNECT_SECONDS
from tests.conftest import Server, new_postgresql
from tests.ray.cluster import PASSWORD, Nodes
from tests.support.fixtures import S3Server
from tests.support.processes import Deployment, free_port

NODES = 2


@pytest.fixture
def doctor(far_server: Server, tmp_path: Path):
    """Have the command say what it finds, with settings that tests may change."""

    def ask(status: int, variables: dict[str, str] | None = None, **settings: str) -> str:
        settings = {
            "database_url": far_server.settings.database,
            "artifact_url": far_server.settings.artifacts,
            "job_engine": "ray",
            **settings,
        }
        named = {f"PROJECTS_API_{name.upper()}": value for name, value in settings.items()}
        named |= {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
        printed = Deployment(tmp_path, {**named, **(variables or {})}).run("doctor", status=status)
        assert PASSWORD not in printed
        return printed

    return ask


@pytest.mark.parametrize("where", ["within", "outside"])
def test_it_tells_what_there_is(doctor, nodes: Nodes, where: str):
    address = nodes.cluster.address if where == "within" else nodes.from_outside
    has = "3 nodes, 2 processors, room for jobs on 2 nodes"
    assert f"ok     Ray {address}: {has}\n" in doctor(0, ray_address=address)
    few = doctor(0, ray_address=address, ray_job_cpus="1.5")
    assert "2 processors, room for jobs on 0 nodes\n" in few
    files = Path(nodes.cluster.head_node.get_session_dir_path()).rglob("*")
    read = [file for file in files if file.is_file()]
    assert len(read) > 10
    assert not [file for file in read if PASSWORD.encode() in file.read_bytes()]


def test_a_ray_that_is_not_there(doctor):
    address = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    printed = doctor(1, ray_address=address)
    assert f"FAULT  Ray {address}\n" in printed
    assert "have it run where PROJECTS_API_RAY_ADDRESS says, with Ray" in printed
    assert time.monotonic() - began < 4 * CONNECT_SECONDS


def test_a_node_that_reaches_others_under_the_same_names(
    doctor, nodes: Nodes, far_server: Server, postgresql: str, s3_server: S3Server
):
    """It has a variable of its own that says which database is meant."""
    url = make_url(far_server.settings.database)
    other = make_url(new_postgresql(postgresql)).database
    database = Database(url.set(database=other).render_as_string(hide_password=False))
    upgrade(database)
    database.close()
    owner = far_server.person()
    assert owner.upload(owner.create_project()).status_code == 201
    nodes.add(env_vars={"PGDATABASE": other})
    nodes.cluster.wait_for_nodes()
    nowhere = url.set(database="").render_as_string(hide_password=False)
    settings = {"database_url": nowhere, "ray_address": nodes.cluster.address}
    printed = doctor(1, {"PGDATABASE": url.database}, **settings)
    assert "FAULT  Ray" in printed
    found = re.findall(r"node \S+ (.*)", printed)
    assert found == ["reaches another database than this server, under the same name"]
    bucket = s3_server.new_bucket_url()
    printed = doctor(1, {"PGDATABASE": url.database}, **settings, artifact_url=bucket)
    lacks = "has another artifact store: it lacks a file of this server's"
    assert sorted(re.findall(r"node \S+ (.*)", printed)) == sorted([*found, *[lacks] * 3])
