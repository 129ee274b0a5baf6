"""What the tests of tables share: each database with its schema, without a server."""

import pytest

from projects_api.models import user
from projects_api.server.database import Database
from projects_api.server.schema import upgrade


@pytest.fixture
def database(new_database_url):
    """An empty database of each kind in turn, which nothing has touched."""
    database = Database(new_database_url)
    yield database
    database.close()


@pytest.fixture
def connection(database):
    """A connection to a database with its schema; what a test writes stays in one transaction."""
    upgrade(database)
    with database.connect(writing=True) as connection:
        yield connection


@pytest.fixture
def user_id(connection):
    return user.create(connection, email="alice@example.com", name="Alice Chen")
