"""How a training goes on where its engines fare differently; the engines here are stand-ins."""

import copy
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingRefused
from projects_api.jobs import training
from projects_api.jobs.running_job import JobLost
from projects_api.models import experiment


class Job:
    """A job as a training sees it, which keeps what it is told."""

    def __init__(self, server, experiment_id: str, folder: Path) -> None:
        self._server, self.entity_id, self.folder = server, experiment_id, folder
        self.lines: list[str] = []
        self.percents: list[float] = []

    @contextmanager
    def transaction(self):
        with self._server.services.database.transaction() as connection:
            yield connection

    def log(self, message: str) -> None:
        self.lines.append(message)

    def count_results(self, results: int) -> None:
        self.results = results

    def is_to_stop(self) -> bool:
        return False

    def report(self, percent: float, **_more) -> None:
        self.percents.append(percent)


@pytest.fixture
def job(server, tmp_path):
    project_id = server.person("Alice Chen").create_project()
    with server.services.database.transaction() as connection:
        experiment_id = experiment.create(
            connection,
            project_id,
            name="Two engines",
            status="running",
            target_column="y",
            problem_type="regression",
        )
    return Job(server, experiment_id, tmp_path)


@pytest.fixture
def outcomes(job, tmp_path, monkeypatch):
    """Run two engines, each of which is a function of its progress; give what became of them."""

    def outcomes(mode: str, **stand_ins):
        def stand_in(engine, _task, _folder, progress):
            return stand_ins[engine](progress)

        monkeypatch.setattr(engines, "train", stand_in)
        runs = [{"engine": engine, "status": "queued", "message": None} for engine in stand_ins]
        task = Task(tmp_path / "table", "y", "regression", TrainingConfig())
        return [run for run, _ in training.Training(job, task, runs).run(mode)]

    return outcomes


def refused(_progress):
    raise TrainingRefused("there is nothing to learn")


def broken(_progress):
    raise OSError("the disk is on fire")


def lost(_progress):
    raise JobLost


@pytest.mark.parametrize("mode", ["single", "parallel"])
def test_a_fault_of_one_engine_does_not_spoil_the_others(server, job, outcomes, capfd, mode):
    first, second = outcomes(mode, h2o=broken, flaml=refused)
    assert (first["engine"], first["status"], first["message"]) == (
        *("h2o", "failed", training.UNEXPECTED),
    )
    assert (second["engine"], second["message"]) == ("flaml", "there is nothing to learn")
    assert f"h2o: {training.UNEXPECTED}" in job.lines
    assert "the disk is on fire" in capfd.readouterr().err
    with server.services.database.transaction(writing=False) as connection:
        kept = experiment.find_engine_runs(connection, job.entity_id)
    assert [one["status"] for one in kept] == ["failed", "failed"]


def test_what_one_engine_has_come_to_is_not_overwritten_by_another(
    server, job, outcomes, monkeypatch
):
    on_its_way, change = threading.Event(), experiment.change

    def change_slowly(connection, experiment_id, *, engine_runs):
        written = copy.deepcopy(engine_runs)
        if written[0]["status"] == "failed" and not on_its_way.is_set():
            on_its_way.set()
            time.sleep(0.3)  # and the other one ends meanwhile
        change(connection, experiment_id, engine_runs=written)

    def end_second(_progress):
        assert on_its_way.wait(10)
        raise TrainingRefused("there is nothing to learn")

    monkeypatch.setattr(experiment, "change", change_slowly)
    outcomes("parallel", h2o=refused, flaml=end_second)
    with server.services.database.transaction(writing=False) as connection:
        kept = experiment.find_engine_runs(connection, job.entity_id)
    assert [one["status"] for one in kept] == ["failed", "failed"]


def test_a_fault_of_the_only_engine_is_the_jobs(outcomes):
    with pytest.raises(OSError, match="fire"):
        outcomes("single", flaml=broken)


@pytest.mark.parametrize("mode", ["single", "parallel"])
def test_a_job_that_is_lost_ends(outcomes, mode):
    with pytest.raises(JobLost):
        outcomes(mode, h2o=lost, flaml=refused)


def test_the_engine_that_needs_signals_has_the_main_thread(outcomes):
    threads = {}

    def noting(engine):
        def note(_progress):
            threads[engine] = threading.current_thread()
            raise TrainingRefused("enough")

        return note

    outcomes("parallel", h2o=noting("h2o"), flaml=noting("flaml"))
    assert threads["flaml"] is threading.current_thread()
    assert threads["h2o"] is not threads["flaml"]


def test_progress_never_goes_back(job, outcomes):
    def moody(progress):
        for percent in (10, 60, 30, 70):
            progress.report(percent)
        raise TrainingRefused("enough")

    outcomes("single", flaml=moody, h2o=moody)
    assert job.percents == sorted(job.percents)
    assert max(job.percents) < training.TRAINED_PERCENT
