"""What is counted and measured, for Prometheus; docs/metrics.md tells of each.

The library decides when it is imported whether several processes count together, and the process
that starts them decides that later than it imports this: so the series are made when first used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

_making = Lock()
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which processes that count together do so."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600)
"""Seconds; the last ones are for uploads, exports and jobs."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The series that a process adds to."""

    requests: "Counter"
    seconds: "Histogram"
    running: "Gauge"
    broken_off: "Counter"
    workers: "Gauge"
    jobs_ended: "Counter"
    job_seconds: "Histogram"
    ray_nodes: "Gauge"
    ray_jobs: "Gauge"
    ray_cpus: "Gauge"
    ray_gpus: "Gauge"
    ray_memory: "Gauge"
    ray_seen: "Gauge"
    webhook_attempts: "Counter"
    maintenance_runs: "Counter"
    maintenance_success: "Gauge"
    contents_collected: "Counter"
    jobs_forgotten: "Counter"
    pool_size: "Gauge"
    pool_used: "Gauge"
    pool_waiting: "Gauge"


def metrics() -> Metrics:
    """Return the series of this process."""
    with _making:  # Two threads that come first must not make them twice.
        return _make()


_COUNTERS: Mapping[str, tuple[str, str, list[str]]] = {
    "requests": (
        "requests_total",
        "Requests by operation and status",
        ["operation", "status"],
    ),
    "broken_off": (
        "answers_broken_off_total",
        "Answers whose status was sent and whose end was not, by whose doing",
        ["operation", "by"],
    ),
    "jobs_ended": (
        "jobs_ended_total",
        "Jobs that left a worker, by what they are then; queued is for another try",
        ["kind", "status"],
    ),
    "webhook_attempts": (
        "webhook_attempts_total",
        "Attempts to send an event to a webhook, by what came of them",
        ["outcome"],
    ),
    "maintenance_runs": (
        "maintenance_runs_total",
        "Runs of maintenance by how they ended",
        ["outcome"],
    ),
    "contents_collected": (
        "contents_collected_total",
        "Contents removed because nothing referred to them",
        [],
    ),
    "jobs_forgotten": ("jobs_forgotten_total", "Ended jobs removed because they were old", []),
}
_GAUGES: Mapping[str, tuple[str, str, list[str]]] = {
    "running": ("requests_running", "Requests being answered now", []),
    "workers": ("workers", "Threads that take jobs", []),
    "ray_nodes": ("ray_nodes", "Nodes of Ray; 0 where Ray does not answer", ["address"]),
    "ray_jobs": ("ray_jobs", "Jobs that Ray has, running or waiting for a place", ["address"]),
    "ray_cpus": ("ray_cpus", "Processors that Ray's nodes have together", ["address"]),
    "ray_gpus": ("ray_gpus", "Graphics processors that they have together", ["address"]),
    "ray_memory": ("ray_memory_bytes", "Memory that they give to jobs together", ["address"]),
    "pool_size": ("pool_size", "What a pool has at most", ["pool"]),
    "pool_used": ("pool_used", "What of a pool is in use", ["pool"]),
    "pool_waiting": ("pool_waiting", "Those who wait for something of a pool", ["pool"]),
}
_HISTOGRAMS: Mapping[str, tuple[str, str, list[str]]] = {
    "seconds": (
        "request_seconds",
        "Seconds from a request's first byte to its answer's last",
        ["operation"],
    ),
    "job_seconds": ("job_seconds", "Seconds that a worker had a job", ["kind"]),
}


@cache
def _make() -> Metrics:
    from prometheus_client import Counter, Gauge, Histogram  # noqa: PLC0415 - see above

    made: dict[str, Any] = {
        "maintenance_success": Gauge(
            "projects_api_maintenance_last_success_timestamp_seconds",
            "When maintenance last succeeded, in seconds since 1970",
            multiprocess_mode="livemax",
        ),
        "ray_seen": Gauge(
            "projects_api_ray_seen_timestamp_seconds",
            "When Ray last answered, in seconds since 1970",
            ["address"],
            multiprocess_mode="livemax",
        ),
    }
    for field, (name, text, labels) in _COUNTERS.items():
        made[field] = Counter(f"projects_api_{name}", text, labels)
    for field, (name, text, labels) in _GAUGES.items():
        # Of what no longer lives nothing is running, used or waited for.
        made[field] = Gauge(f"projects_api_{name}", text, labels, multiprocess_mode="livesum")
    for field, (name, text, labels) in _HISTOGRAMS.items():
        made[field] = Histogram(f"projects_api_{name}", text, labels, buckets=BUCKETS)
    return Metrics(**made)
