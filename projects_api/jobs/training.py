"""A training: the engines of an experiment at work on the same task, and their end before time."""

import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from projects_api import engines
from projects_api.engines import Task, TrainingRefused, TrainingResult
from projects_api.jobs.running_job import JobLost, RunningJob
from projects_api.models import experiment

PREPARED_PERCENT = 5.0
TRAINED_PERCENT = 98.0
ENGINE_WITH_ALARMS = "flaml"
"""It ends models that take too long by a signal, which only the main thread of a process hears."""
UNEXPECTED = (
    "The engine ended by a fault that nobody expected. The server's operator finds it in the log, "
    "under the id of this job."
)
NOT_BEGUN = "The training was stopped before this engine began."
STOP_SECONDS = 0.2
"""Between two looks whether the job is to stop."""
Run = dict[str, Any]
Outcome = tuple[Run, TrainingResult | None]


class Training:
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

    def __init__(self, job: RunningJob, training: Training, engine: str) -> None:
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
def stopping(job: RunningJob) -> Iterator[None]:
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
