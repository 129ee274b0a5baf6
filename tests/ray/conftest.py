"""Fixtures of this room's tests."""

from tests.support.fixtures import kinds, s3_server, work

__all__ = ["kinds", "s3_server", "work"]
