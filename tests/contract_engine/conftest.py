"""Fixtures of this room's tests."""

from tests.support.fixtures import local

__all__ = ["local"]
