"""The job kind `train`: an experiment, from its table to its models.

The table is turned into Parquet, each engine trains on it, and all of what they give is kept in one
transaction: a training leaves everything or nothing.
"""

import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingRefused, TrainingResult
from projects_api.files.content import Content, describe
from projects_api.jobs.running_job import JobFailed, JobLost, RunningJob
from projects_api.models import dataset_version, experiment, job, trained_model
from projects_api.models.base import now
from projects_api.models.outside import delivery
from projects_api.tables import NotATable, convert_table

SLOW_IMPORTS = ("projects_api.engines.flaml_engine",)
PREPARED_PERCENT = 5.0
TRAINED_PERCENT = 98.0
ENGINE_WITH_ALARMS = "flaml"
"""It ends models that take too long by a signal, which only the main thread of a process hears."""
UNEXPECTED = (
    "The engine ended by a fault that nobody expected. The server's operator finds it in the log, "
    "under the id of this job."
)
STOPPED = "It was stopped early, as was asked for. Models that were ready: {}."
NOT_BEGUN = "The training was stopped before this engine began."
STOP_SECONDS = 0.2
"""Between two looks whether the job is to stop."""
Run = dict[str, Any]
Outcome = tuple[Run, TrainingResult | None]


def run(job: RunningJob) -> None:
    """Train what the experiment asks for; raises `JobFailed` where that cannot work."""
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
    task = Task(
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
    training = _Training(job, task, order["engine_runs"])
    with _stopping(job):
        outcomes = training.run(order["execution_mode"])
    result = _leaderboard(job, outcomes)
    job.report(TRAINED_PERCENT, stage="Keeping the models", seconds_left=0)
    contents = {one.path: describe(one.path) for one in result.candidates}
    told = {"message": STOPPED.format(len(result.candidates))} if training.was_stopped else {}
    status = "completed" if told else "succeeded"
    with job.finish(contents) as connection:
        _keep(connection, order, result, contents, job.user_id)
        _end(connection, order, status, engine_runs=[run for run, _ in outcomes], **told)


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


class _Training:
    """The engines of an experiment at work on the same task."""

    def __init__(self, job: RunningJob, task: Task, runs: Sequence[Run]) -> None:
        self._job = job
        self._task = task
        self._runs = {run["engine"]: dict(run) for run in runs}
        self._percents = dict.fromkeys(self._runs, 0.0)
        self._counts = dict.fromkeys(self._runs, 0)
        self.was_stopped = False
        """Whether an engine heard that it was to end early."""
        self._recording = threading.Lock()

    def run(self, mode: str) -> list[Outcome]:
        """Let every engine train, in their order or all at once; give what became of each."""
        if mode != "parallel" or len(self._runs) == 1:
            return [self._train(engine) for engine in self._runs]
        with ThreadPoolExecutor(len(self._runs)) as pool:
            others = {
                engine: pool.submit(self._train, engine)
                for engine in self._runs
                if engine != ENGINE_WITH_ALARMS
            }
            found = {engine: self._train(engine) for engine in self._runs if engine not in others}
            found |= {engine: outcome.result() for engine, outcome in others.items()}
        return [found[engine] for engine in self._runs]

    def report(self, engine: str, percent: float, stage: str | None, left: float | None) -> None:
        """Report how far all are, of which one has got on."""
        self._percents[engine] = max(percent, self._percents[engine])
        share = sum(self._percents.values()) / len(self._percents) / 100
        whole = PREPARED_PERCENT + share * (TRAINED_PERCENT - PREPARED_PERCENT)
        alone = len(self._runs) == 1
        self._job.report(whole, stage=stage, seconds_left=left if alone else None)

    def count(self, engine: str, candidates: int) -> None:
        """Say how many models there are, of which one engine has so many."""
        self._counts[engine] = candidates
        self._job.count_results(sum(self._counts.values()))

    def is_to_stop(self) -> bool:
        """Return whether all are to end with the models that there are."""
        self.was_stopped = self.was_stopped or self._job.is_to_stop()
        return self.was_stopped

    def _train(self, engine: str) -> Outcome:
        if any(self._counts.values()) and self.is_to_stop():
            self._record(engine, **self._failed(engine, NOT_BEGUN))
            return self._runs[engine], None
        self._record(engine, status="running")
        folder = self._job.folder / engine
        folder.mkdir()
        began = time.monotonic()
        result: TrainingResult | None = None
        found: Run
        try:
            result = engines.train(engine, self._task, folder, _Share(self._job, self, engine))
            best = result.candidates[0]
            found = {
                "status": "succeeded",
                "model_count": len(result.candidates),
                "best_model_type": best.model_type,
            }
        except TrainingRefused as refused:
            found = self._failed(engine, refused.reason)
        except JobLost:
            raise
        except Exception:
            if len(self._runs) == 1:
                raise
            traceback.print_exc()  # into the log, where the operator looks for it
            found = self._failed(engine, UNEXPECTED)
        self._record(engine, **found, duration=round(time.monotonic() - began, 3))
        return self._runs[engine], result

    def _failed(self, engine: str, reason: str) -> Run:
        self._job.log(f"{engine}: {reason}")
        return {"status": "failed", "message": reason}

    def _record(self, engine: str, **changes: Any) -> None:
        # One at a time, or what an engine has come to would be overwritten with what was before.
        with self._recording, self._job.transaction() as connection:
            self._runs[engine] |= changes
            runs = list(self._runs.values())
            experiment.change(connection, self._job.entity_id, engine_runs=runs)


class _Share:
    """What one engine tells, as a part of what the job tells."""

    def __init__(self, job: RunningJob, training: _Training, engine: str) -> None:
        self._training = training
        self._engine = engine
        self.log = job.log
        self.is_to_stop = training.is_to_stop

    def report(
        self, percent: float, *, stage: str | None = None, seconds_left: float | None = None
    ) -> None:
        """Report how far the engine is."""
        self._training.report(self._engine, percent, stage, seconds_left)

    def count(self, candidates: int) -> None:
        """Say how many models the engine has."""
        self._training.count(self._engine, candidates)


@contextmanager
def _stopping(job: RunningJob) -> Iterator[None]:
    """Interrupt what the main thread fits once the job is to stop, as long as the block runs."""
    over = threading.Event()
    signal.signal(engines.STOP_SIGNAL, signal.SIG_IGN)  # which would end the process

    def watch(main: int | None) -> None:
        while not over.wait(STOP_SECONDS):
            if main and job.is_to_stop():
                signal.pthread_kill(main, engines.STOP_SIGNAL)
                return

    main = threading.main_thread().ident
    watcher = threading.Thread(target=watch, args=(main,), name="stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


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
