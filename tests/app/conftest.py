"""Fixtures of this room's tests."""

from tests.support.fixtures import deployment, local, s3_server, workers

__all__ = ["deployment", "local", "s3_server", "workers"]
