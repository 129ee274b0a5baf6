"""What a server tells of Ray's nodes, in whichever of its processes it is asked."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from projects_api.jobs.ray.dispatcher import Dispatcher
from projects_api.jobs.ray.sight import last_seen
from tests.ray.test_dispatcher import StandIn, nothing_seen, on_ray, ray
from tests.support.processes import wait_until
from tests.support.work import ROOT, Work

__all__ = ["nothing_seen", "ray"]

OPERATION = "/api/experiments/capabilities"
MEASURES = """
import sys
from projects_api.jobs.ray.dispatcher import Dispatcher
from projects_api.jobs.ray.link import Cluster
from projects_api.settings import Settings
dispatcher = Dispatcher(Settings(_env_file=None))
dispatcher._note(Cluster(frozenset(), frozenset(), 3, 12.0, 2.0, 96, 32, 32))
if sys.argv[1] == "away":
    dispatcher._let_go()
print("done", flush=True)
sys.stdin.read()
"""
ASKS = """
import json
from projects_api.jobs.ray.sight import last_seen
print(json.dumps(last_seen()))
"""


def test_nothing_is_told_of_no_cluster(work: Work):
    assert "cluster" not in work.owner.get(OPERATION).json()


def test_what_the_dispatcher_sees_is_told_and_when(work: Work, ray: StandIn):
    began = time.time()
    with Dispatcher(on_ray(work, job_retry_seconds=0.05)):
        wait_until(last_seen, "Ray has answered")
        told = work.owner.get(OPERATION).json()["cluster"]
        seen_at = datetime.fromisoformat(told.pop("seen_at")).timestamp()
        assert began - 1 < seen_at < time.time() + 1
        assert told == {"nodes": 2, "cpus": 2.0, "gpus": 1.0, "memory_bytes": 1 << 34}
        ray.is_away = True
        wait_until(lambda: last_seen()["nodes"] == 0, "it is away")
    told = work.owner.get(OPERATION).json()["cluster"]
    assert datetime.fromisoformat(told.pop("seen_at")).timestamp() >= seen_at
    assert told == {"nodes": 0, "cpus": 0, "gpus": 0, "memory_bytes": 0}


@pytest.mark.parametrize(("how", "has"), [("near", [3, 12.0, 96, 2.0]), ("away", [0, 0.0, 0, 0.0])])
def test_another_process_tells_the_same(tmp_path: Path, how, has):
    folder = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    options = {"env": {**os.environ, **folder}, "text": True, "stdout": subprocess.PIPE}

    def ask() -> dict:
        command = [sys.executable, "-c", ASKS]
        return json.loads(subprocess.run(command, check=True, timeout=120, **options).stdout)

    assert ask() is None
    command = [sys.executable, "-c", MEASURES, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, **options) as process:
        assert "done\n" in process.stdout  # behind what is logged
        told = ask()
        process.stdin.close()
    assert [told[name] for name in ("nodes", "cpus", "memory_bytes", "gpus")] == has
    assert abs(datetime.fromisoformat(told["seen_at"]).timestamp() - time.time()) < 120
