"""The page of metrics: what processes counted, and what the database says when it is asked."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from projects_api.database import Database
from projects_api.jobs import KINDS
from projects_api.metrics import SHARED_FOLDER
from projects_api.models import job
from projects_api.models.base import present, to_moment
from projects_api.models.outside import delivery
from projects_api.storage.readiness import SharedAnswer

SAMPLE_SECONDS = 2.0
"""The database gets so long to answer, and is asked no more often."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sample:
    """What the database says of what waits; `is_known` is false where it does not answer."""

    is_known: bool = False
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    oldest_seconds: float = 0.0
    deliveries: int = 0
    oldest_delivery_seconds: float = 0.0


def sample_waiting(database: Database) -> Sample:
    """Count the jobs that have not ended, by kind and status, and the deliveries of webhooks."""
    with database.transaction(writing=False) as connection:
        rows = job.count_open(connection)
        deliveries, oldest = delivery.count_waiting(connection)
    counts = Counter({(row["kind"], row["status"]): row["count"] for row in rows})
    waiting = [row["oldest"] for row in rows if row["status"] == "queued"]
    return Sample(
        is_known=True,
        counts=counts,
        oldest_seconds=_longest(waiting),
        deliveries=deliveries,
        oldest_delivery_seconds=_longest([oldest] if oldest else []),
    )


def _longest(since: Iterable[str]) -> float:
    """Return the seconds since the first of some moments; 0 where there is none."""
    return max([0.0, *((present() - to_moment(one)).total_seconds() for one in since)])


class MetricsPage:
    """Answers with the metrics of all processes of this server, in seconds whatever happens."""

    def __init__(self, database: Database, asking: SharedAnswer, note: Callable[[], None]) -> None:
        """Take the database, a thread to ask it in, and what notes the pools of this process."""
        self._database = database
        self._asking = asking
        self._note = note
        self._sample = Sample()
        self._sampled_at = -SAMPLE_SECONDS

    async def page(self, _request: Request) -> Response:
        """Write the page."""
        if monotonic() - self._sampled_at >= SAMPLE_SECONDS:
            self._sample = await self._ask()
            self._sampled_at = monotonic()
        self._note()
        registry = _counted()
        body = generate_latest(registry) + generate_latest(_asked(self._sample))
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})

    async def _ask(self) -> Sample:
        sampling = self._asking.get("waiting", lambda: sample_waiting(self._database))
        try:
            return await asyncio.wait_for(sampling, SAMPLE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known of them then
            _log.warning("waiting_not_counted", error=str(error) or type(error).__name__)
            return Sample()


def _counted() -> CollectorRegistry:
    folder = os.environ.get(SHARED_FOLDER)
    if folder is None:
        return REGISTRY
    for number in dead_processes(Path(folder)):
        mark_process_dead(number)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def dead_processes(folder: Path) -> set[int]:
    """Find whose gauges are still there though nobody of that number lives."""
    numbers = {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}
    return {number for number in numbers if not _lives(number)}


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class _Families(Collector):
    def __init__(self, families: Iterable[Any]) -> None:
        self._families = list(families)

    def collect(self) -> list[Any]:
        return self._families


def _asked(sample: Sample) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Families(_families(sample)))
    return registry


def _families(sample: Sample) -> Iterator[Any]:
    build = InfoMetricFamily("projects_api_build", "The version that answers")
    build.add_metric([], {"version": version("projects-api")})
    yield build
    up = GaugeMetricFamily("projects_api_database_up", "Whether the database answers: 1 or 0")
    up.add_metric([], float(sample.is_known))
    yield up
    if not sample.is_known:
        return
    jobs = GaugeMetricFamily(
        "projects_api_jobs",
        "Jobs that have not ended, by kind and status",
        labels=["kind", "status"],
    )
    for kind in sorted({*KINDS, *(kind for kind, _ in sample.counts)}):
        for status in job.OPEN:
            jobs.add_metric([kind, status], sample.counts[kind, status])
    yield jobs
    oldest = GaugeMetricFamily(
        "projects_api_jobs_oldest_waiting_seconds", "How long the oldest waiting job has waited"
    )
    oldest.add_metric([], sample.oldest_seconds)
    yield oldest
    yield from _families_of_deliveries(sample)


def _families_of_deliveries(sample: Sample) -> Iterator[Any]:
    waiting = GaugeMetricFamily(
        "projects_api_webhook_deliveries_waiting", "Events that wait to be sent, or sent again"
    )
    waiting.add_metric([], float(sample.deliveries))
    yield waiting
    oldest = GaugeMetricFamily(
        "projects_api_webhook_deliveries_oldest_waiting_seconds",
        "How long the oldest of them has waited",
    )
    oldest.add_metric([], sample.oldest_delivery_seconds)
    yield oldest
