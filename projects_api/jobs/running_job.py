"""A job as its module sees it, in the process that does the work."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.files.content import Content
from projects_api.models import job_lease
from projects_api.models.job_log import MAX_CHARACTERS, MAX_LINES
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.quotas import Claim, QuotaExceeded

if TYPE_CHECKING:
    from projects_api.engines import Remote

WRITE_SECONDS = 0.5
"""Progress is written at once, but no sooner than this after it was last written."""


class JobFailed(Exception):
    """The work cannot succeed; the text is the reason that the caller reads."""


class JobLost(Exception):
    """The job was cancelled, went with its project, or belongs to another worker by now."""


class RunningJob:
    """A job that this process works on; `folder` is for its files, and is removed afterwards.

    The worker makes the file `stop` where the job is to end early. The job's processes may hold
    `memory_bytes` together, where that is known. `remote` has places for more of them elsewhere.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        database: Database,
        artifacts: Artifacts,
        folder: Path,
        stop: Path,
    ) -> None:
        self.id: str = facts["id"]
        self.user_id: str = facts["user_id"]
        self.project_id: str | None = facts["project_id"]
        self.entity_id: str = facts["entity_id"]
        self.arguments: dict[str, Any] = facts["arguments"]
        self.input_sha256: str | None = facts["input_sha256"]
        self.database = database
        self.artifacts = artifacts
        self.folder = folder
        self.memory_bytes: int | None = facts.get("memory_bytes")
        self.remote: Remote | None = facts.get("remote")
        self._stop = stop
        self.finished = False
        self._owner: str = facts["owner"]
        self._teller = _Teller(database, self.id, self._owner)

    def report(
        self, percent: float, *, stage: str | None = None, seconds_left: float | None = None
    ) -> None:
        """Report how far the work is, what it does now, and how long it may take.

        Raises `JobLost`, as everything here does, once it is known that the work is in vain.
        """
        self._teller.report(percent, stage, seconds_left)

    def count_results(self, results: int) -> None:
        """Say how many results there would be if the job were stopped now."""
        self._teller.count_results(results)

    def is_to_stop(self) -> bool:
        """Return whether the job is to end early, with the results that it has."""
        return self._stop.exists()

    def log(self, message: str) -> None:
        """Add a line to the job's log."""
        self._teller.log(message)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a block in a transaction that leaves nothing unless the job is still this worker's.

        Raises `JobLost` where it is not, before the block or after it.
        """
        with self.database.transaction() as connection:
            self._hold(connection)
            yield connection
            if not job_lease.confirm(connection, self.id, self._owner):
                raise JobLost

    @contextmanager
    def finish(self, contents: Mapping[Path, Content] | None = None) -> Iterator[Connection]:
        """Store files, run the block, which refers to them, and end the job with success.

        The block and the end are one transaction. Raises `JobLost` as `transaction` does, and
        `JobFailed` where the files do not fit into the quota of who asked, or of the project.
        """
        self._teller.close()
        # A project that the job makes has the id that the job is about.
        claim = Claim(self.user_id, self.project_id or self.entity_id)
        try:
            with self.database.connect(writing=True) as connection:
                with self.artifacts.keep(connection, contents or {}, claim):
                    self._hold(connection)
                    yield connection
                    if not job_lease.confirm(connection, self.id, self._owner):
                        raise JobLost
                    job_lease.finish(connection, self.id, self._owner, "succeeded")
                connection.commit()
        except QuotaExceeded as refused:
            raise JobFailed(str(refused)) from refused
        self.finished = True

    def close(self) -> None:
        """Write down what was told last."""
        self._teller.close()

    def _hold(self, connection: Connection) -> None:
        # Before anything of the project is touched, as requests do.
        here = job_lease.hold_project(connection, self.project_id)
        if not here or job_lease.is_cancelled(connection, self.id, self._owner) is not False:
            raise JobLost


class _Teller:
    """Writes progress and log lines in a thread of its own: the work waits for no database."""

    def __init__(self, database: Database, job_id: str, owner: str) -> None:
        self._database = database
        self._job = (job_id, owner)
        self._news = threading.Condition()
        self._progress: dict[str, Any] = {
            "progress": 0.0,
            "stage": None,
            "seconds_left": None,
            "results": 0,
        }
        self._lines: list[str] = []
        self._is_new = self._closing = self._lost = False
        self._endurance = Endurance("progress_not_written", job_id=job_id)
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def report(self, percent: float, stage: str | None, seconds_left: float | None) -> None:
        """Note progress; a number that is none, or a stage that is not told, changes nothing."""
        with self._news:
            self._raise_if_lost()
            if isfinite(percent):
                self._progress["progress"] = percent
            if stage is not None:
                self._progress["stage"] = stage
            is_time = seconds_left is not None and isfinite(seconds_left)
            self._progress["seconds_left"] = seconds_left if is_time else None
            self._wake()

    def count_results(self, results: int) -> None:
        """Note how many results there are."""
        with self._news:
            self._raise_if_lost()
            self._progress["results"] = results
            self._wake()

    def log(self, message: str) -> None:
        """Note a line, unless as many wait to be written as a log may have."""
        with self._news:
            self._raise_if_lost()
            if len(self._lines) < MAX_LINES:
                self._lines.append(message[:MAX_CHARACTERS])
            self._wake()

    def close(self) -> None:
        """Write what is noted, then write no more."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join()

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise JobLost

    def _wake(self) -> None:
        self._is_new = True
        self._news.notify()

    def _run(self) -> None:
        last = -WRITE_SECONDS
        while not self._lost:
            with self._news:
                self._news.wait_for(lambda: self._is_new or self._closing)
                wait = last + WRITE_SECONDS - time.monotonic()
                self._news.wait_for(lambda: self._closing, timeout=max(wait, 0.0))
                if not self._is_new:
                    return
                progress, lines = dict(self._progress), self._lines
                self._lines, self._is_new = [], False
            last = time.monotonic()
            self._write(progress, lines)

    def _write(self, progress: dict[str, Any], lines: list[str]) -> None:
        written = False
        with self._endurance.step():
            with self._database.transaction() as connection:
                self._lost = not job_lease.record_progress(
                    connection, *self._job, **progress, messages=lines
                )
            written = True
        if not written:
            # The next try may succeed; the work goes on.
            with self._news:
                self._lines[:0] = lines
                self._is_new = not self._closing
