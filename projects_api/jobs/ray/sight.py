"""What this server last saw of Ray, as each of its processes may ask.

The dispatcher, which is in one of them, measures it for `/metrics`. What processes measure they
share by files where they are several, and so there is nothing else to be kept.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projects_api.metrics import SHARED_FOLDER, metrics
from projects_api.models.base import to_text
from projects_api.schemas import Cluster

_PREFIX = "projects_api_ray_"
_SEEN = f"{_PREFIX}seen_timestamp_seconds"


def last_seen() -> Cluster | None:
    """Tell what Ray's nodes have; None where there is no Ray, or none has answered yet."""
    told = {sample.name: sample.value for family in _families() for sample in family.samples}
    if not told.get(_SEEN):
        return None
    return {
        "nodes": int(told[f"{_PREFIX}nodes"]),
        "cpus": told[f"{_PREFIX}cpus"],
        "memory_bytes": int(told[f"{_PREFIX}memory_bytes"]),
        "gpus": told[f"{_PREFIX}gpus"],
        "seen_at": to_text(datetime.fromtimestamp(told[_SEEN], UTC)),
    }


def _families() -> Iterable[Any]:
    if (folder := os.environ.get(SHARED_FOLDER)) is None:
        made = metrics()
        gauges = (made.ray_nodes, made.ray_cpus, made.ray_memory, made.ray_gpus, made.ray_seen)
        return [family for gauge in gauges for family in gauge.collect()]
    # Imported here, for it needs the library of metrics.
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    files = [str(path) for path in Path(folder).glob("gauge_live*.db")]
    return MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call, no-any-return]
