"""Experiments from the request to the models, by real workers and a real engine."""

import io
import os
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import orjson
import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.datasets import load_breast_cancer
from sqlalchemy import delete, select

from projects_api import engines
from projects_api.archive.importing import check_archive
from projects_api.archive.reader import verify_archive
from projects_api.engines import availability
from projects_api.jobs.worker import Workers
from projects_api.models import experiment
from projects_api.models.job import jobs
from projects_api.models.trained_model import trained_models
from tests.conftest import Person, Server
from tests.support.processes import wait_until
from tests.support.work import PROMPT, ROOT, is_dead, job_processes

QUICK = {"max_runtime_secs": 60, "max_models": 4, "nfolds": 0, "seed": 7}
TINY = {"max_runtime_secs": 60, "max_models": 1, "nfolds": 0}
ENDLESS = {"max_runtime_secs": 3600, "max_models": 500, "stopping_rounds": 0}


def cancer_table() -> bytes:
    """Real measurements, and a column each of words, dates and gaps."""
    bunch = load_breast_cancer()
    chance = random.Random(1)
    lines = ["radius,texture,smoothness,concavity,clinic,seen_on,diagnosis"]
    for row, target in zip(bunch.data[:, [0, 1, 4, 6]], bunch.target, strict=True):
        cells = [f"{value:.5g}" if chance.random() > 0.03 else "" for value in row]
        clinic = chance.choice(("north", "south", "west"))
        day = f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        lines.append(",".join([*cells, clinic, day, str(bunch.target_names[target])]))
    return "\n".join(lines).encode()


def tiny_table() -> bytes:
    x = list(range(40))
    file = io.BytesIO()
    parquet.write_table(pa.table({"x": x, "y": [one % 7 + one / 10 for one in x]}), file)
    return file.getvalue()


class Lab:
    """A person with a project and a table, who starts experiments."""

    def __init__(self, server: Server, content: bytes, target: str, problem_type: str) -> None:
        self.server = server
        self.owner: Person = server.person("Alice Chen")
        self.project_id = self.owner.create_project("Diagnoses")
        uploaded = self.owner.upload(self.project_id, content, name="table.csv")
        assert uploaded.status_code == 201, uploaded.text
        self.body = {
            "project_id": self.project_id,
            "dataset_version_id": uploaded.json()["dataset_version_id"],
            "target_column": target,
            "problem_type": problem_type,
        }

    def start(self, config: dict, **more) -> dict:
        body = {**self.body, "name": "AutoML Run 1", "config": config, **more}
        answer = self.owner.post("/api/experiments", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def ask(self, experiment_id: str, part: str = "") -> dict:
        answer = self.owner.get(f"/api/experiments/{experiment_id}{part}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def watch(self, experiment_id: str, *statuses: str) -> list[dict]:
        """Follow an experiment until it has a status; give all that was seen on the way."""
        seen: list[dict] = []

        def look() -> bool:
            time.sleep(0.05)
            seen.append(self.ask(experiment_id, "/status"))
            return seen[-1]["status"] in statuses

        wait_until(look, f"the experiment is {statuses}", seconds=120)
        return seen

    def wait_for_the_engine(self, experiment_id: str) -> None:
        def trains() -> bool:
            (run,) = self.ask(experiment_id, "/engine-runs")["items"]
            return run["status"] == "running"

        wait_until(trains, "the engine trains", seconds=60)

    def models(self, experiment_id: str) -> list[dict]:
        columns = trained_models.c
        with self.server.services.database.transaction(writing=False) as connection:
            mine = select(trained_models).where(columns.experiment_id == experiment_id)
            return [row._asdict() for row in connection.execute(mine.order_by(columns.rank))]


@pytest.fixture(scope="module")
def idle(server: Server):
    """The server, with no job of another test's waiting."""
    with server.services.database.transaction() as connection:
        connection.execute(delete(jobs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield server


@pytest.fixture(scope="module")
def lab(idle: Server) -> Lab:
    return Lab(idle, cancer_table(), "diagnosis", "binary")


@pytest.fixture
def workers(idle: Server):
    """A worker in this process."""
    with Workers(idle.settings.model_copy(update=PROMPT), 1) as workers:
        yield workers


@pytest.fixture
def start_worker(idle: Server, tmp_path: Path):
    """Start workers in processes of their own; each has a log."""
    started: list[subprocess.Popen] = []
    settings = {
        "DATABASE_URL": idle.settings.database,
        "DATA_DIR": idle.settings.data_dir,
        "LOG_FORMAT": "json",
        **{name.upper(): value for name, value in PROMPT.items()},
    }
    variables = {f"PROJECTS_API_{name}": str(value) for name, value in settings.items()}
    # Two trainings at once on two cores are quicker with a thread each.
    variables |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def start() -> tuple[subprocess.Popen, Path]:
        log = tmp_path / f"worker{len(started)}.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "projects_api", "worker"]
            process = subprocess.Popen(command, env={**os.environ, **variables}, stderr=output)
        started.append(process)
        return process, log

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)


def test_from_the_table_to_the_models(lab: Lab, workers, tmp_path):
    created = lab.start(QUICK)
    experiment_id = created["experiment_id"]
    seen = lab.watch(experiment_id, "succeeded", "failed")
    assert seen[-1]["status"] == "succeeded", seen[-1]
    assert (seen[-1]["progress"], seen[-1]["stage"], seen[-1]["seconds_left"]) == (100, None, None)
    assert {"running", "succeeded"} <= {one["status"] for one in seen}
    assert [one["progress"] for one in seen] == sorted(one["progress"] for one in seen)
    assert any(one["stage"] for one in seen)

    ended = lab.ask(experiment_id)["experiment"]
    models = lab.models(experiment_id)
    assert 2 <= len(models) <= 4
    assert [one["rank"] for one in models] == list(range(1, len(models) + 1))
    assert [one["is_best"] for one in models] == [True] + [False] * (len(models) - 1)
    scores = [one["metrics"]["cv_auc"] for one in models]
    assert scores == sorted(scores, reverse=True)
    assert 0.9 < scores[0] < 1
    held_out = {one["evaluation"]["rows"] for one in models}
    assert len(held_out) == 1
    assert 0 < held_out.pop() < 569 / 2
    assert ended["best_model_type"] == models[0]["model_type"]
    assert ended["duration"] > 0
    assert ended["started_at"] < ended["finished_at"]
    assert ended["message"] is None

    (event,) = (
        one
        for one in lab.owner.get(f"/api/projects/{lab.project_id}/timeline").json()["events"]
        if one["id"] == experiment_id
    )
    assert (event["status"], event["best_model_type"], event["duration"]) == (
        "succeeded",
        models[0]["model_type"],
        ended["duration"],
    )
    (run,) = lab.ask(experiment_id, "/engine-runs")["items"]
    assert (run["engine"], run["status"], run["model_count"]) == ("flaml", "succeeded", len(models))
    assert lab.ask(experiment_id, "/logs")["logs"][-1].startswith(f"{len(models)} models")
    explained = lab.ask(experiment_id, "/explain")
    assert explained["model_id"] == models[0]["id"]
    importance = explained["explanation"]["permutation_importance"]
    assert {one["feature"] for one in importance} == {
        "radius",
        "texture",
        "smoothness",
        "concavity",
        "clinic",
        "seen_on",
    }
    project = lab.owner.get(f"/api/projects/{lab.project_id}").json()["project"]
    assert project["model_count"] == len(models)
    kept = lab.owner.get("/api/usage").json()["stored_bytes"]
    files = lab.owner.get("/api/models", params={"project_id": lab.project_id}).json()["items"]
    assert kept == len(cancer_table()) + sum(one["size_bytes"] for one in files)
    scratch = lab.server.settings.data_dir / "scratch"
    wait_until(lambda: not any(scratch.iterdir()), "the job's folder is removed")

    archive = tmp_path / "export.zip"
    archive.write_bytes(lab.owner.get(f"/api/projects/{lab.project_id}/export").content)
    assert verify_archive(archive) == []
    check_archive(archive, 10**9)  # so that it can be imported
    with zipfile.ZipFile(archive) as opened:
        manifest = orjson.loads(opened.read("manifest.json"))
        for one in manifest["models"]:
            assert zipfile.is_zipfile(io.BytesIO(opened.read(one["path"])))  # as skops writes
    assert len(manifest["models"]) == len(models)
    signature = manifest["experiments"][0]["signature"]
    assert sorted(signature["labels"]) == ["benign", "malignant"]


def test_a_table_that_nothing_can_be_learnt_from(idle: Server, workers):
    content = b"x,y\n" + b"".join(b"%d,same\n" % number for number in range(40))
    lab = Lab(idle, content, "y", "classification")
    experiment_id = lab.start(TINY)["experiment_id"]
    lab.watch(experiment_id, "failed")
    ended = lab.ask(experiment_id)["experiment"]
    (run,) = lab.ask(experiment_id, "/engine-runs")["items"]
    assert ended["message"]
    assert (run["status"], run["message"]) == ("failed", ended["message"])
    assert ended["duration"] > 0
    assert lab.models(experiment_id) == []


def test_an_engine_that_this_worker_lacks_does_not_spoil_the_others(lab: Lab, workers):
    """Workers on other machines may have more or less than the server that took the request."""
    lacking = engines.capabilities()["unavailable"]
    if not lacking:
        pytest.skip("every engine can run here")
    body = lab.body
    with lab.server.services.database.transaction() as connection:
        experiment_id = experiment.start(
            connection,
            body["project_id"],
            lab.owner.user_id,
            engines=["flaml", lacking[0]["engine"]],
            execution_mode="parallel",
            config=TINY,
            use_gpu=True,
            dataset_version_id=body["dataset_version_id"],
            name="Two engines",
            target_column=body["target_column"],
            problem_type="classification",
        )["experiment_id"]
    lab.watch(experiment_id, "succeeded")
    runs = {one["engine"]: one for one in lab.ask(experiment_id, "/engine-runs")["items"]}
    assert (runs["flaml"]["status"], runs["flaml"]["model_count"]) == ("succeeded", 1)
    lost = runs[lacking[0]["engine"]]
    assert (lost["status"], lost["message"]) == ("failed", lacking[0]["reason"])
    logs = " ".join(lab.ask(experiment_id, "/logs")["logs"])
    assert "no graphics processor" in logs
    assert lacking[0]["reason"] in logs


@pytest.mark.parametrize("mode", ["single", "parallel"])
def test_two_engines_share_a_leaderboard(lab: Lab, workers, mode):
    if reason := availability.why_unavailable("h2o"):
        pytest.skip(reason)
    config = {**TINY, "max_models": 2, "exclude_algos": ["StackedEnsemble"]}
    created = lab.start(config, engines=["flaml", "h2o"], execution_mode=mode)
    experiment_id = created["experiment_id"]
    seen = [one["progress"] for one in lab.watch(experiment_id, "succeeded", "failed")]
    assert seen == sorted(seen)
    runs = lab.ask(experiment_id, "/engine-runs")["items"]
    assert [(one["engine"], one["status"]) for one in runs] == [
        ("flaml", "succeeded"),
        ("h2o", "succeeded"),
    ]
    models = lab.models(experiment_id)
    assert [one["rank"] for one in models] == list(range(1, len(models) + 1))
    assert [one["is_best"] for one in models] == [True] + [False] * (len(models) - 1)
    assert {one["engine"] for one in models} == {"flaml", "h2o"}
    scores = [one["metrics"]["cv_auc"] for one in models]
    assert scores == sorted(scores, reverse=True)
    assert all(
        max(one["metrics"]["auc"] for one in models if one["engine"] == run["engine"]) > 0.9
        for run in runs
    )
    assert lab.ask(experiment_id)["experiment"]["best_model_type"] == models[0]["model_type"]


def test_stopping_keeps_the_models_that_are_ready(lab: Lab, workers):
    created = lab.start({**ENDLESS, "nfolds": 0})
    experiment_id = created["experiment_id"]
    wait_until(lambda: lab.server.job(created["job_id"])["results"] >= 2, "two models", 60)
    assert lab.owner.post(f"/api/experiments/{experiment_id}/stop").status_code == 202
    ended = lab.watch(experiment_id, "completed")[-1]
    models = lab.models(experiment_id)
    assert len(models) >= 2
    assert ended["message"] == (
        f"It was stopped early, as was asked for. Models that were ready: {len(models)}."
    )
    assert ended["progress"] == 100
    assert lab.server.job(created["job_id"])["status"] == "succeeded"
    told = lab.ask(experiment_id, "/logs?limit=1000")["logs"]
    wanted = f"stopped early, as was asked for: {len(models)} of 500 models"
    assert wanted in told
    (run,) = lab.ask(experiment_id, "/engine-runs")["items"]
    assert (run["status"], run["model_count"]) == ("succeeded", len(models))
    assert sum(one["is_best"] for one in models) == 1


def test_deleting_a_running_experiment_ends_its_processes(lab: Lab, workers):
    before = lab.owner.get(f"/api/projects/{lab.project_id}").json()["project"]
    created = lab.start(ENDLESS)
    experiment_id = created["experiment_id"]
    lab.wait_for_the_engine(experiment_id)
    working = job_processes(psutil.Process())
    assert working
    assert lab.owner.delete(f"/api/experiments/{experiment_id}").status_code == 200
    wait_until(lambda: all(map(is_dead, working)), "its processes end")
    wait_until(
        lambda: lab.server.job(created["job_id"])["status"] == "cancelled", "the job is cancelled"
    )
    after = lab.owner.get(f"/api/projects/{lab.project_id}").json()["project"]
    assert after["experiment_count"] == before["experiment_count"]
    assert after["model_count"] == before["model_count"]


def test_kill_of_a_worker_in_the_midst_of_a_training(lab: Lab, start_worker):
    created = lab.start({**QUICK, "max_models": 2})
    experiment_id = created["experiment_id"]
    first, _ = start_worker()
    lab.wait_for_the_engine(experiment_id)
    working = psutil.Process(first.pid).children(recursive=True)
    assert job_processes(psutil.Process(first.pid))
    first.kill()
    first.wait(30)
    wait_until(lambda: all(map(is_dead, working)), "what it had started ends")
    start_worker()
    lab.watch(experiment_id, "succeeded")
    assert lab.server.job(created["job_id"])["attempts"] == 2
    (run,) = lab.ask(experiment_id, "/engine-runs")["items"]
    assert (run["status"], run["model_count"]) == ("succeeded", len(lab.models(experiment_id)))


def test_two_workers_share_twenty_experiments(idle: Server, start_worker):
    if idle.kind != "postgresql":
        pytest.skip("many machines share PostgreSQL, not SQLite")
    lab = Lab(idle, tiny_table(), "y", "regression")
    created = [lab.start(TINY, name=f"Run {number}") for number in range(20)]
    logs = [start_worker()[1] for _ in range(2)]

    def ended() -> bool:
        time.sleep(0.5)
        page = {"project_id": lab.project_id}
        listed = lab.owner.get("/api/experiments", params=page).json()["items"]
        return all(one["status"] not in {"queued", "running"} for one in listed)

    wait_until(ended, "all experiments end", seconds=240)
    assert [lab.server.job(one["job_id"])["attempts"] for one in created] == [1] * 20
    assert [lab.ask(one["experiment_id"])["experiment"]["status"] for one in created] == [
        "succeeded"
    ] * 20
    assert [len(lab.models(one["experiment_id"])) for one in created] == [1] * 20
    begun = [log.read_text().count("job_started") for log in logs]
    assert sum(begun) == 20
    assert min(begun) > 0
