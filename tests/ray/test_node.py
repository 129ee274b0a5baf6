"""What a node of Ray does with the job that it was given; told without Ray."""

import os
import subprocess
import sys

import pytest

from projects_api.files.traces import held_folder
from projects_api.jobs.ray import node
from projects_api.jobs.ray.link import what_nodes_need
from projects_api.settings import Settings
from tests.ray.test_dispatcher import on_ray
from tests.support.work import Work


def test_a_node_works_on_one_job_and_no_other(work: Work, tmp_path, monkeypatch):
    monkeypatch.setattr(node.tempfile, "gettempdir", lambda: str(tmp_path))
    told = what_nodes_need(on_ray(work))["settings"]
    other, job_id = work.add("succeed"), work.add("succeed")
    settings = node.settings_on_node({**told, "job_engine": "local"})
    assert settings.data_dir == tmp_path / node.FOLDER
    assert settings.artifacts == work.server.settings.artifacts
    assert node.work_on(job_id, settings)
    assert not node.work_on(job_id, settings)
    assert work.server.job(job_id)["status"] == "succeeded"
    assert (work.made(job_id), work.made(other)) == (1, 0)


def test_a_node_removes_what_killed_jobs_left(work: Work, tmp_path, monkeypatch):
    """What lives is left alone, and so is what no job made."""
    monkeypatch.setattr(node.tempfile, "gettempdir", lambda: str(tmp_path))
    told = what_nodes_need(on_ray(work))["settings"]
    scratch = tmp_path / node.FOLDER / "scratch"
    abandoned = scratch / "job-killed"
    (abandoned / "work").mkdir(parents=True)
    (abandoned / "work" / "model.skops").write_bytes(b"half of a model")
    (scratch / "of-somebody").mkdir()
    job_id = work.add("succeed")
    with held_folder(scratch, "job-") as held:
        assert node.work_on(job_id, node.settings_on_node({**told, "job_engine": "local"}))
        assert sorted(one.name for one in scratch.iterdir()) == sorted([held.name, "of-somebody"])
    assert work.server.job(job_id)["status"] == "succeeded"


@pytest.mark.parametrize(("cpus", "count"), [(0.5, "1"), (1, "1"), (2.5, "2"), (64, "64")])
def test_the_libraries_of_a_job_have_its_processors(cpus, count):
    settings = Settings(_env_file=None).model_copy(update={"ray_job_cpus": cpus})
    found = node.limits_of_processors(settings)
    assert found == {"LOKY_MAX_CPU_COUNT": count, "OMP_NUM_THREADS": count}


def test_a_training_on_a_node_keeps_to_the_processors_of_its_job():
    """The libraries are asked themselves, in a process that begins with the limits."""
    limits = node.limits_of_processors(Settings(_env_file=None))
    code = (
        "import joblib, sklearn.ensemble, threadpoolctl;"
        "found = [one for one in threadpoolctl.threadpool_info() if one['user_api'] == 'openmp'];"
        "print(joblib.cpu_count(), *{one['num_threads'] for one in found})"
    )
    command = [sys.executable, "-c", code]
    free = {name: value for name, value in os.environ.items() if name not in limits}
    told = subprocess.run(command, env=free | limits, capture_output=True, check=True, text=True)
    assert told.stdout.split() == ["1", "1"]
