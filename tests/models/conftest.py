"""What the tests of tables share: each database with its schema, without a server."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, make_url

from projects_api.database import Database
from projects_api.database.schema import upgrade
from projects_api.models import user


@pytest.fixture
def database(new_database_url: str) -> Iterator[Database]:
    """An empty database of each kind in turn, which nothing has touched."""
    database = Database(new_database_url)
    yield database
    database.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A database of each kind in turn that has its schema and never a row."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('models') / 'models.db'}"
    else:
        server, name = request.getfixturevalue("postgresql"), f"models_{uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    database = Database(url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def connection(upgraded: Database) -> Iterator[Connection]:
    """A connection to a database with its schema; what a test writes is undone at its end."""
    with upgraded.connect(writing=True) as connection:
        yield connection


@pytest.fixture
def user_id(connection: Connection) -> str:
    return user.create(connection, email="alice@example.com", name="Alice Chen")
