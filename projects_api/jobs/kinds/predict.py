"""The job kind `predict`: a model is asked about a version of a data set, row by row.

What it says stands beside the rows in a new data set, whose id is what the job is about: so that it
is listed, read, downloaded, exported and counted as any other.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from projects_api.engines import THRESHOLD
from projects_api.files.content import describe
from projects_api.jobs.running_job import JobFailed, JobLost, RunningJob
from projects_api.models import dataset, dataset_version, trained_model
from projects_api.processes.pool import ENVIRONMENT
from projects_api.tables import NotATable, convert_table, inspect_table

SLOW_IMPORTS = ()
PROCESS = "projects_api.jobs.table_prediction"
MODEL, TABLE, PREDICTED = "model.skops", "table.parquet", "predicted.parquet"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
READ_PERCENT, ASKED_PERCENT = 10.0, 90.0
MAX_TITLE = 255
GONE = "The model or the data set was deleted before it was asked. Choose another."
ENDED = (
    "The model ended the process that asked it: it needs too much memory, or its file is damaged "
    "or made to do so. Train the model again."
)


def run(job: RunningJob) -> None:
    """Ask the model about all rows, and keep them with what it says as a data set."""
    assert job.project_id is not None
    model, version = _fetch(job)
    job.report(READ_PERCENT, stage="Asking the model")
    _ask(job, model, version)
    job.report(ASKED_PERCENT, stage="Keeping the predictions")
    predicted = _folder(job) / PREDICTED
    try:
        facts = inspect_table(predicted)
    except NotATable as refused:
        raise JobFailed(refused.reason) from refused
    content = describe(predicted)
    with job.finish({predicted: content}) as connection:
        made = dataset.create(
            connection,
            job.project_id,
            dataset_id=job.entity_id,
            name=job.arguments["name"],
            description=job.arguments["description"],
            sha256=content.sha256,
            user_id=job.user_id,
            **facts.as_columns(),
        )
        if made is None:
            raise JobLost


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    """Leave all as it is: there is a data set only after success."""


def _folder(job: RunningJob) -> Path:
    return job.folder / "asking"


def _fetch(job: RunningJob) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put model and table into the folder of the process that reads them."""
    assert job.project_id is not None
    job.report(0, stage="Preparing the table")
    with job.transaction() as connection:
        model = trained_model.find_for_prediction(connection, job.arguments["model_id"])
        version = dataset_version.find_in_project(
            connection, job.project_id, job.arguments["dataset_version_id"]
        )
        if model is None or version is None:
            raise JobFailed(GONE)
        lease = job.artifacts.lease(connection, {model["sha256"], version["sha256"]})
    folder = _folder(job)
    folder.mkdir()
    source = job.folder / "uploaded"
    try:
        job.artifacts.fetch(model["sha256"], folder / MODEL)
        is_ready = version["format"] == "parquet"
        job.artifacts.fetch(version["sha256"], folder / TABLE if is_ready else source)
    finally:
        job.artifacts.release(lease)
    if not is_ready:
        try:
            convert_table(source, version["dialect"], "parquet", folder / TABLE)
        except NotATable as refused:
            raise JobFailed(refused.reason) from refused
        source.unlink()
    return model, version


def _ask(job: RunningJob, model: Mapping[str, Any], version: Mapping[str, Any]) -> None:
    """Have a process of its own ask the model, and report how far it is."""
    wanted = job.arguments["threshold"]
    task = {
        "folder": str(_folder(job)),
        "signature": model["signature"],
        "threshold": model["metrics"].get(THRESHOLD) if wanted is None else wanted,
        "probabilities": job.arguments["probabilities"],
        "names": version["dialect"].get("names"),
    }
    rows = max(version["dialect"].get("rows") or 0, 1)
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=known | THREADS,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                told = json.loads(line)
                if "refused" in told:
                    raise JobFailed(told["refused"])
                share = min(told["rows"] / rows, 1)
                job.report(READ_PERCENT + share * (ASKED_PERCENT - READ_PERCENT))
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.kill()
    if process.returncode:
        raise JobFailed(ENDED)
