"""The thread of the server that hands long jobs over to Ray, in turn and a bounded number at once.

Which jobs wait is in the database, and which Ray has, Ray tells. So a server that starts anew, or
another one beside it, goes on where the last one was.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import structlog

from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.database.limits import Limits
from projects_api.jobs import KINDS, SHORT_KINDS
from projects_api.jobs.ray.ledger import Ledger
from projects_api.jobs.ray.link import Cluster, Link, RayAway
from projects_api.metrics import metrics
from projects_api.models import job_lease
from projects_api.models.job_lease import Standing
from projects_api.settings import Settings

AT_ONCE = 100
"""Jobs that are handed over, and taken back, in one step: no more than a pipe holds."""
NOTHING = Cluster(frozenset(), frozenset(), 0, 0, 0, 0, 0, 0)
"""What there is of a Ray that does not answer."""
_log = structlog.get_logger()


class Dispatcher:
    """Hands jobs over to Ray from a thread, for as long as a block runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Where no worker is here that takes short jobs, Ray does all.
        short = SHORT_KINDS if settings.embedded_workers else ()
        self._kinds = [kind for kind in KINDS if kind not in short]
        self._stopping = threading.Event()
        self._link: Link | None = None
        self._cluster: Cluster | None = None
        self._seen_at_work: frozenset[str] = frozenset()
        self._ledger = Ledger(settings, self._kinds)

    def __enter__(self) -> Self:
        limits = Limits(**self._settings.database_limits)
        self._database = Database(self._settings.database, connections=1, limits=limits)
        self._ledger.start()
        self._thread = threading.Thread(target=self.run, name="ray-dispatcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._ledger.stop()
        self._let_go()
        self._database.close()

    def run(self) -> None:
        """Hand over, for as long as nobody says stop and whatever happens."""
        endurance = Endurance("dispatch_failed")
        while not self._stopping.is_set():
            with endurance.step():
                self._step()
            self._stopping.wait(self._settings.job_poll_seconds)

    def _step(self) -> None:
        try:
            self.hand_over()
        except RayAway as error:
            self._let_go()
            if not self._stopping.is_set():
                self._ledger.lose_sight()
                _log.warning("ray_away", error=str(error))
                self._stopping.wait(self._settings.job_retry_seconds)

    def hand_over(self) -> None:
        """Bring what Ray has into line with what waits and what has ended; raises `RayAway`."""
        if self._link is None:
            self._link = Link(self._settings, self._stopping)
        if self._cluster is None:
            self._note(self._link.ask())
        assert self._cluster
        held = self._cluster.job_ids
        with self._database.transaction(writing=False) as connection:
            most = self._settings.ray_jobs + len(held)
            waiting = job_lease.list_waiting(connection, self._kinds, most)
            grace = self._settings.job_lease_seconds
            standing = job_lease.find_standing(connection, held, grace)
        over = self._find_over(held, standing)
        room = min(self._settings.ray_jobs - len(held) + len(over), AT_ONCE)
        jobs = [self._needs(job) for job in waiting if job["id"] not in held][: max(room, 0)]
        self._tell_too_large(jobs)
        self._note(self._link.ask(jobs, sorted(over)[:AT_ONCE]))
        for job in jobs:
            _log.info("job_handed_over", job_id=job["id"])

    def _find_over(self, held: frozenset[str], standing: Mapping[str, Standing]) -> set[str]:
        """Find what Ray has in vain: jobs that ended or are gone, and those of dead workers.

        One that was handed over because its worker died waits for a place, and is silent until
        then: only who was seen at work can have fallen silent.
        """
        found = {job_id: standing.get(job_id, Standing.OVER) for job_id in held}
        at_work = {job_id for job_id in held if found[job_id] is Standing.WORKS}
        self._seen_at_work = (self._seen_at_work | at_work) & held
        silent = {one for one in self._seen_at_work if found[one] is Standing.SILENT}
        self._seen_at_work -= silent
        return (
            silent
            | self._find_left_behind(found)
            | self._find_without_gpu(found)
            | {job_id for job_id in held if found[job_id] is Standing.OVER}
        )

    def _find_left_behind(self, found: Mapping[str, Standing]) -> set[str]:
        """Find jobs that wait again since Ray was away, but have an actor whose lease had ended."""
        left = self._ledger.forget_left_behind()
        return {job_id for job_id in left if found.get(job_id) is Standing.WAITS}

    def _find_without_gpu(self, found: Mapping[str, Standing]) -> set[str]:
        """Find jobs that would wait for ever, for the last graphics processor went with its node.

        They are handed over again, to do without.
        """
        assert self._cluster
        waits = {job_id for job_id in self._cluster.gpu_job_ids if found[job_id] is Standing.WAITS}
        return set() if self._cluster.gpu_bytes else waits

    def _needs(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._cluster
        limits = (job["max_memory_bytes"], self._settings.job_memory_bytes)
        memory_bytes = min(limit for limit in limits if limit)
        return {
            "id": job["id"],
            "cpus": self._settings.ray_job_cpus,
            "memory_bytes": memory_bytes,
            "gpus": int(job["use_gpu"] and memory_bytes <= self._cluster.gpu_bytes),
        }

    def _tell_too_large(self, jobs: list[dict[str, Any]]) -> None:
        """Tell of jobs that no node has room for; Ray keeps them until a larger one comes."""
        assert self._cluster
        for job in jobs:
            if self._cluster.nodes and job["memory_bytes"] > self._cluster.largest_bytes:
                room = self._cluster.largest_bytes
                _log.warning("job_larger_than_nodes", **job, largest_node_bytes=room)

    def _note(self, cluster: Cluster) -> None:
        if self._cluster is None:
            self._seen_at_work = cluster.job_ids
            _log.info("ray_connected", nodes=cluster.nodes, cpus=cluster.cpus)
        self._cluster = cluster
        self._ledger.see(cluster.job_ids)
        self._measure(cluster)
        metrics().ray_seen.labels(self._settings.ray_address).set_to_current_time()

    def _let_go(self) -> None:
        """End the process that speaks with Ray. Jobs that Ray has go on; those that wait, wait."""
        if self._link is not None:
            self._link.close()
        self._link = self._cluster = None
        self._measure(NOTHING)

    def _measure(self, cluster: Cluster) -> None:
        # With a label, there is no series where there is no Ray.
        address, made = self._settings.ray_address, metrics()
        made.ray_nodes.labels(address).set(cluster.nodes)
        made.ray_jobs.labels(address).set(len(cluster.job_ids))
        made.ray_cpus.labels(address).set(cluster.cpus)
        made.ray_gpus.labels(address).set(cluster.gpus)
        made.ray_memory.labels(address).set(cluster.memory_bytes)


@contextmanager
def handing_over(settings: Settings) -> Iterator[None]:
    """Have Ray do long jobs while a block runs, where the settings say so."""
    if settings.job_engine != "ray":
        yield
        return
    with Dispatcher(settings):
        yield
