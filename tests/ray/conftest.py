"""Fixtures of this room's tests."""

from importlib.util import find_spec

from tests.support.fixtures import kinds, s3_server, work

__all__ = ["kinds", "s3_server", "work"]

if find_spec("ray"):
    from tests.ray.cluster import far_server, nodes, site, trainings

    __all__ += ["far_server", "nodes", "site", "trainings"]
