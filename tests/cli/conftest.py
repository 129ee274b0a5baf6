"""Fixtures of this room's tests."""

from tests.support.fixtures import deployment, local, workers

__all__ = ["deployment", "local", "workers"]
