"""Fixtures of this room's tests."""

from collections.abc import Iterator

import pytest

from projects_api.database import Database


@pytest.fixture
def database(new_database_url: str) -> Iterator[Database]:
    """An empty database of each kind in turn, which nothing has touched."""
    database = Database(new_database_url)
    yield database
    database.close()
