"""A Ray of some nodes on this machine, and a server that uses it."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ray._private.node import Node
from ray.cluster_utils import Cluster
from sqlalchemy import make_url

from projects_api.jobs import KINDS
from projects_api.settings import Settings
from tests.conftest import Server, new_postgresql, running
from tests.ray.trainings import Trainings, train_here
from tests.support import job_kinds
from tests.support.fixtures import S3Server
from tests.support.processes import free_port, wait_until
from tests.support.work import ROOT, Work, is_dead

PASSWORD = "a-password-that-no-log-has"
CANCEL_SECONDS = 2.0
"""In which what works for a cancelled job has ended."""
NODE = {"num_cpus": 1, "memory": 8 * 1024**3}
STORE = {"object_store_memory": 128 * 1024**2}
"""The memory in which Ray keeps objects, which would be a third of the machine's otherwise."""
RAY_JOBS = 6
NODES = 4
LEASE_SECONDS = 3
"""Like the number of nodes, this is so unless the module of the test has its own."""


class Nodes:
    """Nodes of Ray, which are killed without a word."""

    def __init__(self, count: int = NODES) -> None:
        self._count = count
        self._ports = {one: free_port() for one in ("gcs_server_port", "ray_client_server_port")}
        self.begin()

    def begin(self) -> None:
        """Start all of them, where they were before."""
        # This one has the directory of the others, and works on nothing.
        head = {"num_cpus": 0, "include_dashboard": False, **self._ports, **STORE}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        host = self.cluster.address.partition(":")[0]
        self.from_outside = f"ray://{host}:{self._ports['ray_client_server_port']}"
        self._nodes = []
        for _ in range(self._count):
            self.add()
        self.cluster.wait_for_nodes()

    def kill_all(self) -> None:
        """Kill all of Ray with what works for it, as when its machines lose their power."""
        for one in self._started():
            with suppress(psutil.NoSuchProcess):  # what ended with another one
                one.kill()
        self.close()

    def kill_that_of(self, process: psutil.Process) -> None:
        """Kill the node on which a process is, with all that Ray has there."""
        raylets = {node.all_processes["raylet"][0].process.pid: node for node in self._nodes}
        ancestors = {one.pid for one in process.parents()}
        (pid,) = ancestors & raylets.keys()
        self._nodes.remove(raylets[pid])
        self.cluster.remove_node(raylets[pid], allow_graceful=False)
        wait_until(lambda: is_dead(process), "the process ends with its node")

    def add(self, **more: float) -> None:
        self._nodes.append(self.cluster.add_node(**NODE, **STORE, **more, wait=False))

    def told(self) -> dict[str, list[tuple[int, dict]]]:
        """Give what workers on nodes, dead ones too, logged of each job, with their numbers."""
        found = defaultdict(list)
        folder = Path(self.cluster.head_node.get_session_dir_path(), "logs")
        for file in folder.glob("worker-*.err"):
            pid = int(file.stem.rpartition("-")[2])
            for line in file.read_text().splitlines():
                with suppress(ValueError):  # What Ray itself says, and lines that are not whole.
                    told = json.loads(line)
                    found[told.get("job_id")].append((pid, told))
        return found

    def close(self) -> None:
        """End all that Ray started; nothing of it may be left."""
        started = self._started()
        self.cluster.shutdown()
        wait_until(lambda: all(map(is_dead, started)), "all that Ray started ends")

    def _started(self) -> list[psutil.Process]:
        return [one for node in self.cluster.list_all_nodes() for one in _processes(node)]


def _processes(node: Node) -> list[psutil.Process]:
    found = []
    for started in node.all_processes.values():
        for one in started:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(one.process.pid)
                found += [process, *process.children(recursive=True)]
    return found


class Site:
    """What is left when a server is killed: a database, a store, and Ray."""

    def __init__(self, server: Server, nodes: Nodes, folder: Path, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
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
            "ray_jobs": RAY_JOBS,
            "embedded_workers": 0,
            "job_poll_seconds": 0.1,
            "job_lease_seconds": self._lease_seconds,
            "job_retry_seconds": 0.5,
            **more,
        }
        variables = {f"PROJECTS_API_{name.upper()}": str(one) for name, one in settings.items()}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "projects_api", "serve", "--port", str(port)]
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

    def lose_node_amid(self, job_ids: Collection[str]) -> str:
        """Kill a node in the midst of one of these jobs, and give its id."""
        lost: list[str] = []

        def happens() -> bool:
            told = self.nodes.told()
            for job_id in told.keys() & job_ids:
                with suppress(psutil.NoSuchProcess):
                    worker = psutil.Process(told[job_id][-1][0])
                    if self._hold_fast(job_id, worker):
                        self.nodes.kill_that_of(worker)
                        lost.append(job_id)
                        return True
            return False

        wait_until(happens, "a node is lost in the midst of a job")
        return lost[0]

    def count_handed_over(self, job_id: str) -> int:
        """Count how often the servers of this site handed a job over to Ray."""
        return sum("job_handed_over" in one for one in self.lines_of(job_id))

    def lines_of(self, job_id: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if job_id in line]

    def _hold_fast(self, job_id: str, worker: psutil.Process) -> bool:
        """Keep a job that its worker has begun from coming to its end; tell whether it runs."""
        processes = worker.children(recursive=True)
        for one in processes:
            one.suspend()
        runs = bool(processes) and self.server.job(job_id)["status"] == "running"
        if not runs:
            for one in processes:
                one.resume()
        return runs


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        # Nodes know of no server and of no store; they have the same code.
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{Path(__file__).parent / 'site'}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setitem(KINDS, job_kinds.KIND, job_kinds.MODULE)
        nodes = Nodes(getattr(request.module, "NODES", NODES))
        yield nodes
        nodes.close()


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


@pytest.fixture(scope="module")
def trainings(far_server: Server) -> Trainings:
    """Made before a server with Ray is there, so that they are trained without it."""
    return train_here(far_server)


@pytest.fixture
def site(
    request: pytest.FixtureRequest, far_server: Server, nodes: Nodes, tmp_path: Path
) -> Iterator[Site]:
    lease_seconds = getattr(request.module, "LEASE_SECONDS", LEASE_SECONDS)
    site = Site(far_server, nodes, tmp_path, lease_seconds)
    site.start()
    yield site
    if site.popen and site.popen.poll() is None:
        site.popen.terminate()
        assert site.popen.wait(30) == 0
