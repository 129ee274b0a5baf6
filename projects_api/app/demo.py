"""A project as it looks after real work: a data set, a training, models, a report.

It is made as callers make theirs: the data set, which comes with scikit-learn, is kept as an upload
is, and the training and the report are jobs, done by a worker here or by one that was faster.
"""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection

from projects_api.app.services import Services
from projects_api.files.content import Content, describe
from projects_api.files.progress import StageReport, tell_nobody
from projects_api.jobs.worker import Worker
from projects_api.models import dataset, experiment, job, project, user
from projects_api.models import report as reports
from projects_api.schemas import Job
from projects_api.tables import TableFacts, inspect_table

TARGET = "diagnosis"
CONFIG = {"max_runtime_secs": 60, "max_models": 4, "nfolds": 0, "seed": 42}


class UnknownOwnerError(LookupError):
    """Nobody with this address is registered."""


class JobNotDoneError(RuntimeError):
    """A job of the demo did not succeed; the text is its reason."""


def create_demo_project(services: Services, email: str, report: StageReport = tell_nobody) -> str:
    """Make the project for a registered person and return its id.

    `report` is told what is done, and how far that is.
    Raises `UnknownOwnerError`, `JobNotDoneError`, and `ImportError` without the extra `ml`.
    """
    with services.database.transaction(writing=False) as connection:
        owner_id = user.find_id(connection, email)
    if owner_id is None:
        raise UnknownOwnerError(email)
    report("Uploading the table", 0)
    with tempfile.TemporaryDirectory() as folder:
        table = _write_table(Path(folder) / "breast_cancer.csv")
        content, facts = describe(table), inspect_table(table)
        with services.database.connect(writing=True) as connection:
            with services.artifacts.keep(connection, {table: content}):
                project_id, job_id = _begin(connection, owner_id, content, facts)
            connection.commit()
    _see_through(services, owner_id, job_id, report)
    with services.database.transaction() as connection:
        about: dict[str, Any] = {"kind": "project", "entity_id": project_id}
        _, job_id = reports.request(
            connection, project_id, owner_id, name="Breast Cancer Diagnosis", **about
        )
    _see_through(services, owner_id, job_id, report)
    return project_id


def _write_table(path: Path) -> Path:
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415 - an optional dependency

    bunch = load_breast_cancer()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*bunch.feature_names, TARGET])
        for row, target in zip(bunch.data.tolist(), bunch.target, strict=True):
            writer.writerow([*row, bunch.target_names[target]])
    return path


def _begin(
    connection: Connection, owner_id: str, content: Content, facts: TableFacts
) -> tuple[str, str]:
    """Make the project and its data set, and queue the training; return project and job."""
    made = project.create(
        connection,
        owner_id,
        name="Breast Cancer Diagnosis",
        description="Benign or malignant, from measurements of cell nuclei",
    )
    project_id: str = made["id"]
    ids = dataset.create(
        connection,
        project_id,
        name="breast_cancer.csv",
        description="569 tumours with 30 measurements each",
        sha256=content.sha256,
        user_id=owner_id,
        **facts.as_columns(),
    )
    assert ids is not None
    started = experiment.start(
        connection,
        project_id,
        owner_id,
        engines=["flaml"],
        execution_mode="single",
        config=CONFIG,
        use_gpu=False,
        dataset_version_id=ids["dataset_version_id"],
        name="AutoML Run 1",
        target_column=TARGET,
        problem_type="classification",
    )
    return project_id, started["job_id"]


def _see_through(services: Services, user_id: str, job_id: str, report: StageReport) -> None:
    """Do a job, or wait for the worker that took it first."""
    pause = Event()
    worker = Worker(services.settings, services.database, pause, only=job_id)
    with _reported(services, user_id, job_id, report):
        while True:
            found = _find(services, user_id, job_id)
            if found is None or found["status"] in job.FINAL:
                break
            if not worker.work_once():
                pause.wait(services.settings.job_poll_seconds)
    if found is None or found["status"] != "succeeded":
        raise JobNotDoneError(found["message"] if found else "The project was deleted.")


def _find(services: Services, user_id: str, job_id: str) -> Job | None:
    with services.database.transaction(writing=False) as connection:
        return job.find_for_user(connection, job_id, user_id)


@contextmanager
def _reported(services: Services, user_id: str, job_id: str, report: StageReport) -> Iterator[None]:
    """Report of a job while the block does it; nobody is looked after to whom nothing is told."""
    if report is tell_nobody:
        yield
        return
    is_over = Event()

    def look() -> None:
        while not is_over.wait(services.settings.job_poll_seconds):
            if found := _find(services, user_id, job_id):
                report(found["stage"] or found["status"], found["progress"])

    watcher = Thread(target=look, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
