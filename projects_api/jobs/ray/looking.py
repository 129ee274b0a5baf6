"""What nodes of Ray are, and what they reach of the server's, as they tell themselves.

Asked by `examination`, through the process that speaks with Ray.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.engines.availability import why_unavailable
from projects_api.jobs.ray.link import own_versions
from projects_api.jobs.ray.node import settings_on_node
from projects_api.models import user
from projects_api.settings import Settings
from projects_api.storage.store import ArtifactStore

MOST_NODES = 32
"""Of more, the first tell for all."""
LOOK_SECONDS = 40.0
"""In which they must have told: some of a start, and less than the answer is waited for."""
MAX_REASON = 300


def look_from_nodes(cluster: Mapping[str, Any], sha256: str | None) -> dict[str, Any]:
    """Ask the nodes that may have jobs; see `link.NodeSight`."""
    needed = cluster["settings"]["ray_job_cpus"]
    nodes = {
        f"{one['NodeManagerAddress']}:{one['NodeManagerPort']}": one["NodeID"]
        for one in ray.nodes()
        if one["Alive"] and one["Resources"].get("CPU", 0) >= needed
    }
    facts = (cluster["settings"], cluster["environment"], sha256)
    asked = {_ask(nodes[one], *facts): one for one in sorted(nodes)[:MOST_NODES]}
    if not asked:
        return {}
    ready, late = ray.wait([*asked], num_returns=len(asked), timeout=LOOK_SECONDS)
    silent = {"faults": [f"does not answer within {LOOK_SECONDS:g} seconds"]}
    return {asked[one]: _get(one) for one in ready} | {asked[one]: silent for one in late}


def _ask(node_id: str, *facts: Any) -> Any:
    # Without processors, it need not wait for the jobs of the node.
    place = NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)
    options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": place}
    return ray.remote(look_around).options(**options).remote(*facts)


def _get(reference: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = ray.get(reference)
    except RayError as error:
        # The last line is what was raised there; before it is told where.
        lines = str(error).strip().splitlines()
        return {"faults": [f"cannot do what it is asked: {lines[-1].strip()[:MAX_REASON]}"]}
    return found


def look_around(
    settings: Mapping[str, Any], environment: Mapping[str, str], sha256: str | None
) -> dict[str, Any]:
    """Tell versions, whose database is reached, and what is not. Run on a node."""
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    own = settings_on_node(settings)
    lacks = why_unavailable("flaml")
    found: dict[str, Any] = {"versions": own_versions(), "faults": [lacks] if lacks else []}

    def look_at_database() -> None:
        found["first_user"] = _first_user(own)

    def look_at_store() -> None:
        store = ArtifactStore(own.artifacts)
        store.check()
        if sha256 and not store.contains(sha256):
            found["faults"].append("has another artifact store: it lacks a file of this server's")

    for what, look in {"database": look_at_database, "artifact store": look_at_store}.items():
        found["faults"] += _attempt(what, look)
    return found


def _first_user(settings: Settings) -> str | None:
    limits = Limits(**settings.database_limits)
    database = Database(settings.database, connections=1, limits=limits)
    with closing(database), database.transaction(writing=False) as connection:
        return user.find_first(connection)


def _attempt(what: str, look: Callable[[], None]) -> list[str]:
    try:
        look()
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator is to know
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return [f"does not reach the {what}: {lines[0][:MAX_REASON]}"]
    return []
