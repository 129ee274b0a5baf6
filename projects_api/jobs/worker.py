"""Workers: each takes one job at a time, has a process do it, and watches that process."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import structlog
import uuid_utils
from sqlalchemy.exc import SQLAlchemyError

from projects_api import tracing
from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.database.limits import Limits
from projects_api.files.room import lacks_room
from projects_api.jobs import KINDS, SHORT_KINDS, outcome
from projects_api.jobs.hold import JobHold
from projects_api.jobs.job_process import JobProcess, clean_scratch, scratch_folder
from projects_api.jobs.outcome import Outcome
from projects_api.metrics import metrics
from projects_api.models import job_lease
from projects_api.models.base import now, origin
from projects_api.settings import Settings

TICK_SECONDS = 0.05
MEMORY_SECONDS = 0.5
"""Time between two looks at the memory of a job."""
_log = structlog.get_logger()
Job = Mapping[str, Any]


class Worker:
    """Takes jobs of some kinds until it is told to stop; `only` is for one job in particular."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        stopping: threading.Event,
        only: str | None = None,
        kinds: Collection[str] = KINDS,
    ) -> None:
        self._kinds = kinds
        self._settings = settings
        self._database = database
        self._stopping = stopping
        self._only = only

    def run(self) -> None:
        """Work, for as long as nobody says stop and whatever happens."""
        endurance = Endurance("worker_failed")
        with metrics().workers.track_inprogress():
            while not self._stopping.is_set():
                worked = False
                with endurance.step():
                    worked = self.work_once()
                if not worked:
                    self._stopping.wait(self._settings.job_poll_seconds)

    def work_once(self) -> bool:
        """Take a job and see it through; tell whether there was one."""
        job = self._claim()
        if job is None:
            return False
        facts = {"projects_api.job_id": job["id"], "projects_api.attempt": job["attempts"]}
        with tracing.span(f"job {job['kind']}", facts) as span:
            status = self._see_through(job)
            if span:
                span.set_attribute("projects_api.job_status", status)
            if status == "failed":
                tracing.fail(span)
        return True

    def _see_through(self, job: Job) -> str:
        """Have a job done; return what it is now."""
        log = _log.bind(job_id=job["id"], kind=job["kind"])
        log.info("job_started", attempt=job["attempts"])
        began = time.monotonic()
        with JobHold(self._database, self._settings, job) as hold:
            try:
                found = self._begin(job) or self._have_done(job, hold)
            except OSError as error:
                if not lacks_room(error):
                    raise
                found = outcome.WITHOUT_ROOM
            status = self._record(job, found)
        if found.is_postponed:
            log.warning("job_postponed", traceback=found.traceback)
        elif found.traceback:
            log.error("job_broke", traceback=found.traceback)
        seconds = round(time.monotonic() - began, 3)
        message = found.message if status == found.status else None
        metrics().jobs_ended.labels(job["kind"], status).inc()
        metrics().job_seconds.labels(job["kind"]).observe(seconds)
        log.info("job_ended", status=status, message=message, seconds=seconds)
        return status

    def _claim(self) -> Job | None:
        with self._database.transaction(writing=False) as connection:
            if not job_lease.has_work(connection, self._kinds):
                return None
        with self._database.transaction() as connection:
            return job_lease.claim(
                connection,
                str(uuid_utils.uuid7()),
                kinds=self._kinds,
                lease_seconds=self._settings.job_lease_seconds,
                job_id=self._only,
            )

    def _begin(self, job: Job) -> Outcome | None:
        """Record that the work begins; or give the ending that the job has found already."""
        if job["attempts"] > job_lease.MAX_ATTEMPTS:
            return outcome.ABANDONED
        with self._database.transaction() as connection:
            job_lease.hold_project(connection, job["project_id"])
            if not job_lease.confirm(connection, job["id"], job["owner"]):
                return outcome.LOST
            outcome.tell_entity(connection, job, Outcome("running"))
        return None

    def _have_done(self, job: Job, hold: JobHold) -> Outcome:
        limits = (job["max_memory_bytes"], self._settings.job_memory_bytes)
        memory_bytes = min(limit for limit in limits if limit)
        with scratch_folder(self._settings.data_dir / "scratch") as folder:
            task = {
                "job": dict(job),
                "module": KINDS[job["kind"]],
                "settings": self._settings.model_dump(mode="json"),
                "memory_bytes": memory_bytes,
                "clock": now() if origin.is_repeatable else None,
            }
            process = JobProcess(task, folder)
            try:
                found = self._watch(process, job, hold, memory_bytes)
            finally:
                status = process.end()
            return found or outcome.of_process(status, process.failure())

    def _watch(
        self, process: JobProcess, job: Job, hold: JobHold, memory_bytes: int
    ) -> Outcome | None:
        """Wait for the process; give the reason where it must end before it does by itself."""
        began = looked = time.monotonic()
        seconds = min(job["max_runtime_seconds"], self._settings.job_max_seconds)
        while not process.has_ended():
            if self._stopping.wait(TICK_SECONDS):
                return outcome.REQUEUED
            if hold.is_lost:
                return outcome.LOST
            if hold.is_cancelled:
                return outcome.ENDED_BY_CALLER
            if hold.is_to_stop:
                process.ask_to_stop()
            present = time.monotonic()
            if present - began > seconds:
                return outcome.too_long(seconds)
            if present - looked > MEMORY_SECONDS:
                looked = present
                if process.memory_bytes() > memory_bytes:
                    return outcome.too_large(memory_bytes)
        return None

    def _record(self, job: Job, found: Outcome) -> str:
        """Write down how a job ended, as soon as the database lets; return what it is now."""
        while True:
            try:
                with self._database.transaction() as connection:
                    return outcome.record(connection, job, found, self._settings)
            except SQLAlchemyError as error:
                _log.warning("ending_not_written", job_id=job["id"], error=str(error))
                if self._stopping.wait(self._settings.job_poll_seconds):
                    return "unknown"


class Workers:
    """Some workers in threads of this process, and one more that takes short jobs alone.

    Where Ray does long jobs, all of them take short ones alone.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to take jobs."""
        self._stopping.clear()
        if not self._count:
            return
        clean_scratch(self._settings.data_dir / "scratch")
        lanes: list[Collection[str]] = [KINDS] * self._count + [SHORT_KINDS]
        if self._settings.job_engine == "ray":
            lanes = [SHORT_KINDS] * self._count
        # Each worker needs one connection, and its hold another.
        self._database = Database(
            self._settings.database,
            connections=2 * len(lanes),
            limits=Limits(**self._settings.database_limits),
        )
        for number, kinds in enumerate(lanes):
            worker = Worker(self._settings, self._database, self._stopping, kinds=kinds)
            thread = threading.Thread(target=worker.run, name=f"worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def live(self) -> bool:
        """Return whether every thread that should take jobs does."""
        return all(thread.is_alive() for thread in self._threads)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Work on nothing while the block runs."""
        working = bool(self._threads)
        self.stop()
        try:
            yield
        finally:
            if working:
                self.start()

    def stop(self) -> None:
        """Give back what is being worked on, and return when nothing of it runs any longer."""
        self._stopping.set()
        while self._threads:
            self._threads.pop().join()
            if not self._threads:
                self._database.close()
