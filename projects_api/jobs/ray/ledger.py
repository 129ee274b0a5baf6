"""What a server does about jobs of Ray in the database alone, whether Ray is there or away.

Jobs whose worker fell silent go back to the queue, and what has ended is counted: a node counts
for itself, and nobody asks it.
"""

import threading
from collections.abc import Collection
from typing import Any

import structlog
import uuid_utils

from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.database.limits import Limits
from projects_api.jobs import outcome
from projects_api.metrics import metrics
from projects_api.models import job as queue
from projects_api.models import job_lease
from projects_api.models.base import to_moment
from projects_api.settings import Settings

AT_ONCE = 100
"""Jobs that are taken back in one step."""
_log = structlog.get_logger()


class Ledger:
    """Keeps the rows of Ray's jobs true, from a thread."""

    def __init__(self, settings: Settings, kinds: Collection[str]) -> None:
        self._settings = settings
        self._kinds = kinds
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._held: frozenset[str] | None = None
        self._is_away = False
        self._watched: set[str] = set()
        self._left_behind: set[str] = set()

    def start(self) -> None:
        """Begin, with a connection of its own."""
        limits = Limits(**self._settings.database_limits)
        self._database = Database(self._settings.database, connections=1, limits=limits)
        self._thread = threading.Thread(target=self._run, name="ray-ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is done any longer."""
        self._stopping.set()
        self._thread.join()
        self._database.close()

    def see(self, held: frozenset[str]) -> None:
        """Learn which jobs Ray has."""
        with self._lock:
            self._held, self._is_away = held, False
            self._watched |= held

    def lose_sight(self) -> None:
        """Learn that Ray is away, so that it has none as long as that lasts."""
        with self._lock:
            self._held, self._is_away = frozenset(), True

    def forget_left_behind(self) -> set[str]:
        """Tell, once, which jobs were taken back while Ray was away, which may have them still."""
        with self._lock:
            found, self._left_behind = self._left_behind, set()
        return found

    def _run(self) -> None:
        endurance = Endurance("ledger_failed")
        while not self._stopping.wait(self._settings.job_poll_seconds):
            with endurance.step():
                self.settle()

    def settle(self) -> None:
        """Take back what was lost, and count what has ended.

        What Ray has is spared: its worker may still move its lease on, as long as nobody else takes
        the job, and the dispatcher ends one that stays silent. So nothing is taken back before it
        is known what Ray has, or that it is away.
        """
        held = self._held
        if held is not None:
            with self._database.transaction(writing=False) as connection:
                lost = job_lease.list_lost(connection, self._kinds, held, AT_ONCE)
            for job_id in lost:
                self._take_back(job_id)
        self._count()

    def _take_back(self, job_id: str) -> None:
        """Queue a job again, or end it where that was asked for or it was lost too often.

        It is taken as a worker takes it, so that no other one can have it meanwhile.
        """
        owner, lease_seconds = str(uuid_utils.uuid7()), self._settings.job_lease_seconds
        with self._database.transaction() as connection:
            job = job_lease.claim(
                connection, owner, kinds=self._kinds, lease_seconds=lease_seconds, job_id=job_id
            )
        if job is None:
            return
        with self._lock:
            self._watched.add(job_id)
            if self._is_away:
                self._left_behind.add(job_id)
        is_last = job["attempts"] > job_lease.MAX_ATTEMPTS
        found = outcome.ABANDONED if is_last else outcome.REQUEUED
        with self._database.transaction() as connection:
            status = outcome.record(connection, job, found, self._settings)
        _log.warning("job_taken_back", job_id=job_id, kind=job["kind"], status=status)

    def _count(self) -> None:
        """Count the watched jobs that have ended, each once, whichever servers watch it.

        One that ends while no server watches, or that a server was about to count when it was
        killed, is not counted.
        """
        with self._lock:
            watched = frozenset(self._watched)
        if not watched:
            return
        with self._database.transaction(writing=False) as connection:
            ended = watched - queue.list_open(connection, watched)
        if not ended:
            return
        with self._database.transaction() as connection:
            rows = queue.release_ended(connection, ended)
        with self._lock:
            self._watched -= ended
        for row in rows:
            _measure(row)


def _measure(job: dict[str, Any]) -> None:
    metrics().jobs_ended.labels(job["kind"], job["status"]).inc()
    seconds = (to_moment(job["finished_at"]) - to_moment(job["started_at"])).total_seconds()
    metrics().job_seconds.labels(job["kind"]).observe(max(seconds, 0.0))
