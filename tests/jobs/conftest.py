"""Fixtures of this room's tests."""

from tests.support.fixtures import kinds, start, work, workers

__all__ = ["kinds", "start", "work", "workers"]
