"""Fixtures of this room's tests."""

from tests.support.fixtures import deployment, kinds, local, s3_server, work, workers

__all__ = ["deployment", "kinds", "local", "s3_server", "work", "workers"]
