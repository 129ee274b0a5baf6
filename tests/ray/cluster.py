"""A Ray of four nodes on this machine, and a server that uses it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster
from sqlalchemy import make_url

from projects_api.jobs import KINDS
from projects_api.settings import Settings
from tests.conftest import Server, new_postgresql, running
from tests.support import job_kinds
from tests.support.fixtures import S3Server
from tests.support.processes import free_port, wait_until
from tests.support.work import ROOT, Work, is_dead

PASSWORD = "a-password-that-no-log-has"
NODE = {"num_cpus": 1, "memory": 8 * 1024**3}


class Nodes:
    """Nodes of Ray, which are killed without a word."""

    def __init__(self) -> None:
        # This one has the directory of the others, and works on nothing.
        port = free_port()
        head = {"num_cpus": 0, "include_dashboard": False, "ray_client_server_port": port}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.from_outside = f"ray://{self.cluster.address.partition(':')[0]}:{port}"
        self._nodes = [self.cluster.add_node(**NODE, wait=False) for _ in range(4)]
        self.cluster.wait_for_nodes()

    def kill_that_of(self, process: psutil.Process) -> None:
        """Kill the node on which a process is, with all that Ray has there."""
        raylets = {node.all_processes["raylet"][0].process.pid: node for node in self._nodes}
        ancestors = {one.pid for one in process.parents()}
        (pid,) = ancestors & raylets.keys()
        self._nodes.remove(raylets[pid])
        self.cluster.remove_node(raylets[pid], allow_graceful=False)
        wait_until(lambda: is_dead(process), "the process ends with its node")

    def add(self) -> None:
        self._nodes.append(self.cluster.add_node(**NODE, wait=False))


class Site:
    """What is left when a server is killed: a database, a store, and Ray."""

    def __init__(self, server: Server, nodes: Nodes, folder: Path) -> None:
        self.server = server
        self.nodes = nodes
        self._folder = folder
        self.owner = server.person()
        self.work = Work(server, self.owner, self.owner.create_project())
        self.popen: subprocess.Popen | None = None
        self.log = folder / "serve.log"

    def start(self, **more: object) -> None:
        """Serve, with Ray for the jobs."""
        settings = {
            "database_url": self.server.settings.database,
            "artifact_url": self.server.settings.artifacts,
            "data_dir": self._folder / "data",
            "job_engine": "ray",
            "ray_address": self.nodes.cluster.address,
            "ray_jobs": 6,
            "embedded_workers": 0,
            "job_poll_seconds": 0.1,
            "job_lease_seconds": 3,
            "job_retry_seconds": 0.5,
            **more,
        }
        variables = {f"PROJECTS_API_{name.upper()}": str(one) for name, one in settings.items()}
        command = [sys.executable, "-m", "projects_api", "serve", "--port", str(free_port())]
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                command, env={**os.environ, **variables}, cwd=self._folder, stderr=output
            )

    def kill(self) -> None:
        assert self.popen
        self.popen.kill()
        self.popen.wait(30)

    def add_long(self, name: str) -> tuple[str, Path]:
        """Queue a job that goes on until there is a file."""
        file = self._folder / name
        return self.work.add("succeed_later", file=str(file)), file

    def begins(self, job_id: str) -> psutil.Process:
        """Wait for a job to run; give its process."""
        wait_until(lambda: self.work.log(job_id), "the job runs")
        return self.work.processes(job_id, 1)[0]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        # Nodes know of no server and of no store; they have the same code.
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{Path(__file__).parent / 'site'}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setitem(KINDS, job_kinds.KIND, job_kinds.MODULE)
        nodes = Nodes()
        yield nodes
        nodes.cluster.shutdown()


@pytest.fixture(scope="module")
def far_server(
    nodes: Nodes,
    postgresql: str,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    url = make_url(new_postgresql(postgresql)).set(password=PASSWORD)
    settings = Settings(
        _env_file=None,
        database_url=url.render_as_string(hide_password=False),
        artifact_url=s3_server.new_bucket_url(),
        data_dir=tmp_path_factory.mktemp("server"),
    )
    with running(settings) as server:
        yield server


@pytest.fixture
def site(far_server: Server, nodes: Nodes, tmp_path: Path) -> Iterator[Site]:
    site = Site(far_server, nodes, tmp_path)
    site.start()
    yield site
    if site.popen and site.popen.poll() is None:
        site.popen.terminate()
        assert site.popen.wait(30) == 0
