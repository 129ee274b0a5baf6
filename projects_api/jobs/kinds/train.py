"""The job kind `train`: an experiment, from its table to its models.

The table is turned into Parquet, each engine trains on it, and all of what they give is kept in one
transaction: a training leaves everything or nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingResult
from projects_api.files.content import Content, describe
from projects_api.jobs.running_job import JobFailed, RunningJob
from projects_api.jobs.training import (
    PREPARED_PERCENT,
    TRAINED_PERCENT,
    Outcome,
    Training,
    stopping,
)
from projects_api.models import dataset_version, experiment, job, trained_model
from projects_api.models.base import now
from projects_api.models.outside import delivery
from projects_api.tables import NotATable, convert_table

SLOW_IMPORTS = ("projects_api.engines.flaml_engine",)
STOPPED = "It was stopped early, as was asked for. Models that were ready: {}."


def run(job: RunningJob) -> None:
    """Train what the experiment asks for; raises `JobFailed` where that cannot work."""
    order, task = _prepare(job)
    training = Training(job, task, order["engine_runs"])
    with stopping(job):
        outcomes = training.run(order["execution_mode"])
    result = _leaderboard(job, outcomes)
    job.report(TRAINED_PERCENT, stage="Keeping the models", seconds_left=0)
    contents = {one.path: describe(one.path) for one in result.candidates}
    told = {"message": STOPPED.format(len(result.candidates))} if training.was_stopped else {}
    status = "completed" if told else "succeeded"
    with job.finish(contents) as connection:
        _keep(connection, order, result, contents, job.user_id)
        _end(connection, order, status, engine_runs=[run for run, _ in outcomes], **told)


def _prepare(job: RunningJob) -> tuple[Mapping[str, Any], Task]:
    """Find what the experiment asks for, and write its tables as Parquet."""
    with job.transaction() as connection:
        order = experiment.find_for_training(connection, job.entity_id)
        version = order and _find_version(connection, order)
        if order is None or version is None:
            raise JobFailed("The data set was deleted before the training began. Choose another.")
        test = _find_test(connection, order)
        used = [one["sha256"] for one in (version, test) if one]
        lease = job.artifacts.lease(connection, list(dict.fromkeys(used)))
    try:
        table = _write_table(job, version, "table")
        test_table = _write_table(job, test, "test") if test else None
    finally:
        job.artifacts.release(lease)
    job.report(PREPARED_PERCENT)
    return order, Task(
        table=table,
        names=version["dialect"].get("names"),
        missing=version["reading"].get("missing", ()),
        target=order["target_column"],
        problem_type=order["problem_type"],
        config=TrainingConfig.from_mapping(order["config"]),
        use_gpu=job.arguments.get("use_gpu", False),
        test_table=test_table,
        test_names=test["dialect"].get("names") if test else None,
        memory_bytes=_share_of_memory(job, order),
        remote=job.remote,
    )


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    """Let an experiment follow its job; one that was deleted has no need to."""
    order = experiment.find_for_training(connection, entity_id)
    if order is None:
        return
    if status == "running":
        runs = [{**run, "status": "queued", "message": None} for run in order["engine_runs"]]
        changes = {"status": status, "message": None, "started_at": now(), "engine_runs": runs}
        experiment.change(connection, entity_id, **changes)
        return
    runs = [
        {**run, "status": status} if run["status"] in job.OPEN else run
        for run in order["engine_runs"]
    ]
    _end(connection, order, status, message=message, engine_runs=runs)


def _share_of_memory(job: RunningJob, order: Mapping[str, Any]) -> int | None:
    """Tell how much memory an engine may have: those that train at once share it."""
    at_once = len(order["engine_runs"]) if order["execution_mode"] == "parallel" else 1
    return job.memory_bytes and job.memory_bytes // max(1, at_once)


def _find_version(connection: Connection, order: Mapping[str, Any]) -> dict[str, Any] | None:
    if order["dataset_version_id"] is None:
        return None
    return dataset_version.find_in_project(
        connection, order["project_id"], order["dataset_version_id"]
    )


def _find_test(connection: Connection, order: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find the version whose rows are held out, where the config names one."""
    wanted = order["config"].get("test_dataset_version_id")
    if wanted is None:
        return None
    found = dataset_version.find_in_project(connection, order["project_id"], wanted)
    if found is None:
        raise JobFailed("The data set to test on was deleted before the training began.")
    return found


def _write_table(job: RunningJob, version: Mapping[str, Any], name: str) -> Path:
    job.report(0, stage="Preparing the table")
    source, table = job.folder / f"{name}.uploaded", job.folder / f"{name}.parquet"
    job.artifacts.fetch(version["sha256"], source)
    if version["format"] == "parquet":
        return source
    try:
        convert_table(source, version["dialect"], "parquet", table)
    except NotATable as refused:
        raise JobFailed(refused.reason) from refused
    source.unlink()
    return table


def _leaderboard(job: RunningJob, outcomes: Sequence[Outcome]) -> TrainingResult:
    results = [result for _, result in outcomes if result]
    if not results:
        raise JobFailed(" ".join(dict.fromkeys(run["message"] for run, _ in outcomes)))
    result = engines.combine(results)
    best = result.candidates[0]
    job.log(f"{len(result.candidates)} models; the best by {result.sort_metric} is {best.name}.")
    return result


def _keep(
    connection: Connection,
    order: Mapping[str, Any],
    result: TrainingResult,
    contents: Mapping[Path, Content],
    user_id: str,
) -> None:
    for one in result.candidates:
        trained_model.create(
            connection,
            order["project_id"],
            order["id"],
            sha256=contents[one.path].sha256,
            user_id=user_id,
            **one.as_columns(),
        )
    experiment.change(
        connection,
        order["id"],
        signature=result.signature,
        reference=result.reference,
        best_model_type=result.candidates[0].model_type,
    )


def _end(connection: Connection, order: Mapping[str, Any], status: str, **changes: Any) -> None:
    moment = now()
    if order["started_at"]:
        began, ended = map(datetime.fromisoformat, (order["started_at"], moment))
        changes["duration"] = max((ended - began).total_seconds(), 0.0)
    if experiment.change(connection, order["id"], status=status, finished_at=moment, **changes):
        facts = {"experiment_id": order["id"], "status": status}
        delivery.emit(connection, order["project_id"], "experiment.ended", **facts)
