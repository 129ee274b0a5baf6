"""One training on several nodes of Ray: what it finds is the same, and nothing outlives it.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from projects_api import engines
from projects_api.engines import Task, TrainingConfig
from projects_api.engines.flaml import executors
from projects_api.engines.flaml.executor import Call
from projects_api.engines.flaml.places import RemoteProcess
from projects_api.engines.flaml.process_pool import ProcessPool
from projects_api.jobs.ray.machines import Machines
from tests.engines import calls
from tests.engines.conftest import Recorder
from tests.engines.test_executors import control, one, shared
from tests.jobs.test_training import ENDLESS, Lab
from tests.support.processes import free_port, wait_until
from tests.support.work import ROOT, is_dead

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from tests.ray.cluster import CANCEL_SECONDS, Nodes, Site

NEEDED = 1 << 28
MOST = 1 << 32


def table() -> pd.DataFrame:
    """Make a table that is worth several processes."""
    random = np.random.default_rng(1)
    values = random.normal(size=(8_000, 20))
    target = values[:, 0] + values[:, 1] * values[:, 2] + random.normal(size=8_000) > 0
    frame = pd.DataFrame(values, columns=[f"c{number}" for number in range(20)])
    return frame.assign(y=target.astype(int))


class Watched(ProcessPool):
    """Waits until its processes on nodes are ready, and counts what is answered there."""

    def extend(self, remote, count, needed, most):
        self.answers: Counter[int] = Counter()
        self.taken_back = 0
        super().extend(remote, count, needed, most)
        self.wait_for(count)

    def wait_for(self, count: int) -> None:
        def are_ready() -> bool:
            self._wait()
            return sum(one.is_ready for one in self._remotes) >= count

        wait_until(are_ready, "processes on nodes are ready")

    def process_of(self, place: RemoteProcess) -> psutil.Process:
        """Ask a process that has no call for its number."""
        place.connection.send((Call(calls.pid, ()), 60.0))
        return psutil.Process(place.connection.recv()[1])

    def processes(self) -> dict[RemoteProcess, psutil.Process]:
        return {place: self.process_of(place) for place in self._remotes if place.is_ready}

    def _take_back(self, assigned, is_late):
        self.taken_back += 1
        super()._take_back(assigned, is_late)

    def _wait(self):
        before = {place: place.assigned for place in self._remotes}
        super()._wait()
        for place in self._remotes:
            self.answers[id(place)] += bool(before.get(place) and not place.assigned)


@pytest.fixture(autouse=True)
def one_processor(monkeypatch):
    """Let a job have one processor, as on a node, and processes find `calls`."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


class Pools:
    """Pools of one process here, and so many on nodes."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self._address = nodes.cluster.address
        self._given = shared(folder)

    def start(self, places: int, most: int = MOST) -> Watched:
        pool = Watched(self._given, 1)
        pool.extend(Machines(self._address, places), places, NEEDED, most)
        return pool


@pytest.fixture
def pools(nodes: Nodes, tmp_path: Path) -> Pools:
    return Pools(nodes, tmp_path)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """What a training finds in one process."""
    folder = tmp_path_factory.mktemp("alone")
    table().to_parquet(folder / "table.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield board(folder, Recorder())


def board(folder: Path, recorder: Recorder, remote: Machines | None = None) -> tuple:
    table().to_parquet(folder / "table.parquet")
    config = TrainingConfig(max_runtime_secs=36_000, max_models=6, nfolds=2)
    task = Task(folder / "table.parquet", "y", "classification", config, remote=remote)
    made = folder / "made"
    made.mkdir()
    result = engines.train("flaml", task, made, recorder)
    assert {path.name for path in made.iterdir()} == {c.path.name for c in result.candidates}
    told = [
        (c.name, c.metrics, c.parameters, c.explanation, c.evaluation) for c in result.candidates
    ]
    return told, recorder.lines, recorder.counts


@pytest.mark.parametrize(("places", "is_killed"), [(1, False), (4, False), (4, True)])
def test_the_same_seed_gives_the_same_leaderboard_on_nodes(
    nodes: Nodes, alone, tmp_path: Path, monkeypatch, places, is_killed
):
    """On one, on four, and on four of which one is killed in the midst of a round."""
    started: list[Watched] = []
    recorder = Recorder()

    class Noted(Watched):
        killed: psutil.Process | None = None

        def extend(self, *given):
            started.append(self)
            super().extend(*given)
            self.known = self.processes()

        def _assign(self, *given):
            before = {place: place.assigned for place in self._remotes}
            super()._assign(*given)
            new = [one for one in self._remotes if one.assigned and not before[one]]
            is_amid = sum(self.answers.values()) > places / 2
            if is_killed and is_amid and new and not self.killed:
                self.killed = self.known[new[0]]
                self.killed.suspend()  # It has begun, and does not end.
                nodes.kill_that_of(self.killed)

    monkeypatch.setattr(executors, "ProcessPool", Noted)
    assert board(tmp_path, recorder, Machines(nodes.cluster.address, places)) == alone
    (pool,) = started
    assert sum(count > 0 for count in pool.answers.values()) >= places
    assert pool.taken_back == is_killed
    wait_until(lambda: all(map(is_dead, pool.known.values())), "the processes on nodes end")
    if is_killed:
        nodes.add()


def test_processes_on_nodes_end_with_the_training(pools: Pools, tmp_path: Path):
    pool = pools.start(3)
    processes = list(pool.processes().values())
    began = time.monotonic()
    pool.close()
    wait_until(lambda: all(map(is_dead, processes)), "they end")
    assert time.monotonic() - began < CANCEL_SECONDS
    assert not list(tmp_path.iterdir())


def test_a_process_that_ends_is_replaced_and_its_call_begun_anew(pools: Pools, tmp_path: Path):
    with closing(pools.start(2)) as pool:
        pool._processes[0].is_free = lambda: False  # so that nodes have to do it
        (outcome,) = pool.run([one(calls.die_once, str(tmp_path / "died"))], control())
        assert outcome.result() == ["done"]
        assert pool.taken_back == 1
        pool.wait_for(2)


def test_a_process_that_holds_too_much_ends_the_training_as_here(pools: Pools, tmp_path: Path):
    with closing(pools.start(1, most=1 << 20)) as pool:
        pool._processes[0].is_free = lambda: False
        (outcome,) = pool.run([one(calls.wait_for_file, str(tmp_path / "never"))], control())
        assert isinstance(outcome.exception(), MemoryError)


def test_a_training_waits_for_no_place(nodes: Nodes, tmp_path: Path):
    pool = ProcessPool(shared(tmp_path), 1)
    with closing(pool):
        pool.extend(Machines(nodes.cluster.address, 1), 1, 1 << 50, MOST)
        made = [each.result() for each in pool.run([one(calls.echo, 1)], control())]
        assert (made, pool.processors) == ([[1]], 1)


def test_a_training_goes_on_where_ray_is_away(tmp_path: Path):
    pool = ProcessPool(shared(tmp_path), 1)
    with closing(pool):
        machines = Machines(f"127.0.0.1:{free_port()}", 2)
        pool.extend(machines, 2, NEEDED, MOST)
        machines._process.kill()
        machines._process.wait()
        trials = [one(calls.echo, number) for number in range(3)]
        assert [each.result() for each in pool.run(trials, control())] == [[0], [1], [2]]
        assert not pool._remotes
        pool._ask()
        assert not pool._remotes


def test_processes_on_nodes_end_with_a_job_that_is_killed(nodes: Nodes, tmp_path: Path):
    program = f"""
import pathlib, time
from tests.ray.test_trials import NEEDED, MOST, Machines, Watched, shared
pool = Watched(shared(pathlib.Path({str(tmp_path)!r})), 1)
pool.extend(Machines({nodes.cluster.address!r}, 2), 2, NEEDED, MOST)
print(*(one.pid for one in pool.processes().values()), flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    processes = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(processes) == 2
    began = time.monotonic()
    os.killpg(parent.pid, signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: all(map(is_dead, processes)), "they end")
    assert time.monotonic() - began < CANCEL_SECONDS


def trial_processes() -> list[psutil.Process]:
    """Find the processes of trainings that are not children of a job."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_trial = "projects_api.engines.flaml.worker_process" in process.cmdline()
            if is_trial and "ray::TrialActor" in process.parent().name() + "".join(
                process.parent().cmdline()
            ):
                found.append(process)
    return found


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_a_training_of_the_server_is_on_several_nodes(site: Site, how: str):
    """It is ended at once, or early with what it has."""
    site.kill()
    site.start(ray_training_cpus=3)
    content = table().to_csv(index=False).encode()
    lab = Lab(site.server, content, "y", "classification")
    created = lab.start({**ENDLESS, "nfolds": 2})
    experiment_id, job_id = created["experiment_id"], created["job_id"]
    wait_until(lambda: len(trial_processes()) == 2, "other nodes work for it, too", seconds=120)
    if how == "stop":
        wait_until(lambda: site.server.job(job_id)["results"], "there is a model", seconds=120)
    processes = trial_processes()
    began = time.monotonic()
    if how == "stop":
        assert lab.owner.post(f"/api/experiments/{experiment_id}/stop").status_code == 202
    else:
        site.work.cancel(job_id)
    wait_until(lambda: all(map(is_dead, processes)), "its processes end")
    took = time.monotonic() - began
    if how == "cancel":
        assert took < CANCEL_SECONDS
    lab.watch(experiment_id, {"cancel": "cancelled", "stop": "completed"}[how])
    assert bool(lab.models(experiment_id)) == (how == "stop")
