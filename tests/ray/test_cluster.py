"""A Ray of four nodes on this machine does the jobs, while nodes and servers are killed.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from sqlalchemy import make_url

from projects_api.jobs import KINDS
from projects_api.settings import Settings
from tests.conftest import Server, new_postgresql, running
from tests.jobs.test_training import TINY, Lab, tiny_table
from tests.support import job_kinds
from tests.support.fixtures import S3Server
from tests.support.processes import free_port, wait_until
from tests.support.work import ROOT, Work, is_dead

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from ray.cluster_utils import Cluster

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
def server(
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
def site(server: Server, nodes: Nodes, tmp_path: Path) -> Iterator[Site]:
    site = Site(server, nodes, tmp_path)
    site.start()
    yield site
    if site.popen and site.popen.poll() is None:
        site.popen.terminate()
        assert site.popen.wait(30) == 0


def test_every_job_is_done_once_whatever_is_killed(site: Site):
    work = site.work
    lab = Lab(site.server, tiny_table(), "y", "regression")
    first, end_of_first = site.add_long("first")
    training = lab.start(TINY)
    short = [work.add("succeed") for _ in range(8)]
    site.nodes.kill_that_of(site.begins(first))
    end_of_first.touch()
    site.nodes.add()
    site.kill()
    site.start()
    later, end_of_later = site.add_long("later")
    site.nodes.kill_that_of(site.begins(later))
    end_of_later.touch()
    site.nodes.add()
    for job_id in (first, *short, later):
        work.wait_for(job_id, "succeeded")
        assert work.made(job_id) == 1
    lab.watch(training["experiment_id"], "succeeded")
    assert len(lab.models(training["experiment_id"])) == 1
    for job_id in (first, later):
        assert site.server.job(job_id)["attempts"] == 2


def test_a_job_goes_on_without_the_server_that_handed_it_over(site: Site):
    job_id, end = site.add_long("job")
    process = site.begins(job_id)
    site.kill()
    next_id = site.work.add("succeed")
    site.start()
    site.work.wait_for(next_id, "succeeded")
    assert not is_dead(process)
    end.touch()
    assert site.work.wait_for(job_id, "succeeded")["attempts"] == 1
    assert site.work.made(job_id) == 1


def test_a_server_outside_the_cluster(site: Site):
    site.kill()
    site.start(ray_address=site.nodes.from_outside)
    job_id, end = site.add_long("job")
    process = site.begins(job_id)
    site.kill()
    site.start(ray_address=site.nodes.from_outside)
    next_id = site.work.add("succeed")
    site.work.wait_for(next_id, "succeeded")
    assert not is_dead(process)
    end.touch()
    assert site.work.wait_for(job_id, "succeeded")["attempts"] == 1


def test_the_process_that_speaks_with_ray_may_die(site: Site):
    site.begins(site.work.add("succeed"))
    assert site.popen
    (child,) = [
        one
        for one in psutil.Process(site.popen.pid).children()
        if "projects_api.jobs.ray" in one.cmdline()
    ]
    child.kill()
    site.work.wait_for(site.work.add("succeed"), "succeeded")
    assert site.popen.poll() is None
    assert "ray_away" in site.log.read_text()


def test_cancel_ends_the_processes_of_a_job(site: Site):
    job_id = site.work.add("wait")
    processes = site.work.processes(job_id, 2)
    site.work.cancel(job_id)
    wait_until(lambda: all(map(is_dead, processes)), "its processes end")
    assert site.work.wait_for(job_id, "cancelled")["attempts"] == 1


def test_a_job_over_its_memory_is_told_so(site: Site):
    memory = 256 * 1024**2
    job_id = site.work.add("grow", memory=memory, python=sys.executable)
    done = site.work.wait_for(job_id, "failed")
    assert "needed more than the 256 MiB of memory" in done["message"]
    assert done["attempts"] == 1


def test_a_job_for_which_there_is_no_place_can_be_cancelled(site: Site):
    busy = [site.work.add("wait") for _ in range(4)]
    processes = [one for job_id in busy for one in site.work.processes(job_id, 2)]
    waiting = site.work.add("succeed")
    wait_until(lambda: "job_handed_over" in _lines_of(site, waiting), "Ray has it")
    site.work.cancel(waiting)
    for job_id in busy:
        site.work.cancel(job_id)
    wait_until(lambda: all(map(is_dead, processes)), "their processes end")
    assert site.work.made(waiting) == 0
    site.work.wait_for(site.work.add("succeed"), "succeeded")


def test_no_secret_is_in_what_ray_writes(site: Site):
    site.work.wait_for(site.work.add("keep"), "succeeded")
    folder = Path(site.nodes.cluster.head_node.get_session_dir_path())
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    for secret in (PASSWORD, "not-a-secret"):
        assert not [file for file in files if secret.encode() in file.read_bytes()]


def _lines_of(site: Site, job_id: str) -> str:
    return "".join(line for line in site.log.read_text().splitlines() if job_id in line)
