"""A worker's hold on a job: moved on while the work lasts, and watched for its loss."""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.models import job_lease
from projects_api.settings import Settings


class JobHold:
    """Keeps a job for its owner while a block runs.

    It has a thread of its own, so that a database that is slow to answer holds up no limit.
    """

    is_cancelled = False
    """Whether the job is wanted no longer."""
    is_to_stop = False
    """Whether the job is to end early, with the results that it has."""
    is_lost = False
    """Whether the job is gone, has ended, or has another owner."""

    def __init__(self, database: Database, settings: Settings, job: Mapping[str, Any]) -> None:
        self._database = database
        self._poll_seconds = settings.job_poll_seconds
        self._seconds = settings.job_lease_seconds
        self._job: tuple[str, str] = (job["id"], job["owner"])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="job-hold", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        moved = time.monotonic()
        endurance = Endurance("lease_not_extended", job_id=self._job[0])
        while not self._over.wait(self._poll_seconds):
            # As long as nobody else takes the job, it can still be kept later.
            with endurance.step():
                self._look()
                if time.monotonic() - moved > self._seconds / 3:
                    self._extend()
                    moved = time.monotonic()

    def _look(self) -> None:
        with self._database.transaction(writing=False) as connection:
            wanted = job_lease.is_cancelled(connection, *self._job)
            self.is_to_stop = job_lease.is_to_stop(connection, *self._job)
        self.is_lost = wanted is None
        self.is_cancelled = bool(wanted)

    def _extend(self) -> None:
        with self._database.transaction() as connection:
            job_lease.extend(connection, *self._job, self._seconds)
