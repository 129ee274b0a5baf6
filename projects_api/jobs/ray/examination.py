"""Whether Ray is there and is as the server needs it, for the doctor."""

import threading
from collections.abc import Iterator, Mapping

from projects_api.jobs.ray.link import Link, NodeSight, RayAway, own_versions
from projects_api.settings import Settings

CONNECT_SECONDS = 60.0
"""Less than a server gives Ray, for somebody waits."""


def examine(
    settings: Settings, first_user: str | None, sha256: str | None
) -> tuple[str, list[str]]:
    """Tell what there is of Ray, and what is wrong with it.

    Nodes must know the database with this first user, and a store with this content, if there are
    some.
    """
    name = f"Ray {settings.ray_address}"
    link = Link(settings, threading.Event(), CONNECT_SECONDS)
    try:
        cluster = link.ask()
        nodes = link.look(sha256)
    except RayAway as error:
        return name, [_away(error)]
    finally:
        link.close()
    has = f"{cluster.nodes} nodes, {cluster.cpus:g} processors, room for jobs on {len(nodes)} nodes"
    return f"{name}: {has}", list(_faults(nodes, first_user))


def _away(error: RayAway) -> str:
    own = own_versions()
    return (
        f"it does not answer as it should ({error}): have it run where PROJECTS_API_RAY_ADDRESS "
        f"says, with Ray {own['ray']} and Python {own['Python']} as this server has them"
    )


def _faults(nodes: Mapping[str, NodeSight], first_user: str | None) -> Iterator[str]:
    for address, node in sorted(nodes.items()):
        own = own_versions()
        for name, version in node.versions.items():
            if version != own[name]:
                told = f"has {name} {version}, and this server {own[name]}: have the same on both"
                yield f"node {address} {told}"
        reaches = not any("the database:" in fault for fault in node.faults)
        if node.versions and reaches and node.first_user != first_user:
            yield f"node {address} reaches another database than this server, under the same name"
        yield from (f"node {address} {fault}" for fault in node.faults)
