"""Fixtures of this room's tests."""

from tests.support.fixtures import s3_server

__all__ = ["s3_server"]
