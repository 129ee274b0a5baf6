"""Load from wrk, and what came of it."""

import json
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tools.bench.servers import LOAD_CORE, Server
from tools.bench.workloads import Workload, write_requests

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Measurement:
    """One run of wrk."""

    requests_per_second: float
    median_milliseconds: float
    p99_milliseconds: float
    cpu_microseconds: float
    """Processor time of the server for one request."""


class LoadFailedError(Exception):
    """A server answered a request with an error, or not at all."""


def measure(
    server: Server,
    workload: Workload,
    key: str,
    folder: Path,
    *,
    seconds: float,
    connections: int | None = None,
) -> Measurement:
    """Send requests for so many seconds; raises `LoadFailedError` where one fails."""
    requests = write_requests(workload, folder)
    options = ["--threads", "1", "--connections", str(connections or workload.connections)]
    options += ["--duration", f"{max(1, round(seconds))}s", "--timeout", "60s"]
    before = server.cpu_seconds()
    command = ["taskset", "--cpu-list", str(LOAD_CORE), "wrk", *options, "--script", str(SCRIPT)]
    output = subprocess.run(
        [*command, server.url, "--", str(requests), key], capture_output=True, text=True, check=True
    ).stdout
    server.settle()
    used = server.cpu_seconds() - before
    found = json.loads(output.partition("RESULT ")[2])
    if found["failed"] or not found["bytes"]:
        raise LoadFailedError(f"{server.peer.name}, {workload.title}: {output}")
    answered = found["bytes"] / workload.bytes_each if workload.bytes_each else found["requests"]
    return Measurement(
        requests_per_second=answered / found["microseconds"] * 1e6,
        median_milliseconds=found["p50"] / 1000,
        p99_milliseconds=found["p99"] / 1000,
        cpu_microseconds=used / answered * 1e6,
    )


def median(measurements: Iterable[Measurement]) -> Measurement:
    """Return the median of each figure."""
    rows = [asdict(one) for one in measurements]
    return Measurement(
        **{f.name: statistics.median(r[f.name] for r in rows) for f in fields(Measurement)}
    )
