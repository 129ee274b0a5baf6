"""DriverStatement statements: what SQLAlchemy would give, found by the driver itself."""

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from projects_api.database.schema import upgrade
from projects_api.models import project, user
from projects_api.models.base import now
from projects_api.models.project import projects
from projects_api.models.statements import DriverStatement
from projects_api.models.user import users

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
BY_NAME = select(projects).where(projects.c.name == bindparam("name")).order_by(projects.c.id)

UNSET = {"deactivated_at": None, "own_quota_bytes": None}
"""What a person begins without; a driver's statement takes every column."""


def test_rows_are_those_of_sqlalchemy(connection, user_id):
    for number in range(3):
        project.create(connection, user_id, name="Same", description=f"№ {number}")
    expected = [row._asdict() for row in connection.execute(BY_NAME, {"name": "Same"})]
    assert len(expected) == 3
    assert DriverStatement(BY_NAME).all(connection, name="Same") == expected
    assert DriverStatement(BY_NAME).first(connection, name="Same") == expected[0]
    assert DriverStatement(BY_NAME).scalar(connection, name="Same") == expected[0]["id"]


def test_no_row(connection):
    statement = DriverStatement(BY_NAME)
    assert statement.all(connection, name="Nobody's") == []
    assert statement.first(connection, name="Nobody's") is None
    assert statement.scalar(connection, name="Nobody's") is None


def test_changes_are_counted(connection, user_id):
    rename = DriverStatement(
        users.update().where(users.c.id == bindparam("this")).values(name=bindparam("new"))
    )
    assert rename.execute(connection, this=user_id, new="Renamed") == 1
    assert rename.execute(connection, this=UNKNOWN, new="Renamed") == 0
    assert connection.scalar(select(users.c.name)) == "Renamed"


def test_it_begins_the_transaction_that_is_rolled_back(upgraded):
    row = {"id": UNKNOWN, "email": "x@example.com", "name": "X", "created_at": now()}
    with upgraded.connect(writing=True) as connection:
        DriverStatement(insert(users)).execute(connection, **UNSET, **row)
        assert connection.in_transaction()
        connection.rollback()
        assert user.find_id(connection, "x@example.com") is None


def test_a_forgotten_parameter_is_no_null(connection):
    with pytest.raises((KeyError, DBAPIError)):
        DriverStatement(BY_NAME).all(connection)


def test_a_violation_is_the_one_that_sqlalchemy_raises(connection, user_id):
    row = {"id": user_id, "email": "b@example.com", "name": "B", "created_at": now()}
    with pytest.raises(IntegrityError):
        DriverStatement(insert(users)).execute(connection, **UNSET, **row)


def test_an_error_is_the_one_that_sqlalchemy_raises(connection):
    connection.execute(text("DROP TABLE deployment_inputs"))
    statement = DriverStatement(select(text("1")).select_from(text("deployment_inputs")))
    with pytest.raises((OperationalError, ProgrammingError)) as raised:
        statement.all(connection)
    assert not raised.value.connection_invalidated


def test_a_lost_connection_is_replaced(database):
    if database.is_embedded:
        pytest.skip("SQLite has no connection that could be lost")
    upgrade(database)
    statement = DriverStatement(BY_NAME)
    with database.connect() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        with database.transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:id, 5000)"), {"id": process})
        with pytest.raises(OperationalError) as raised:
            statement.all(connection, name="x")
        assert raised.value.connection_invalidated
    with database.connect() as connection:
        assert statement.all(connection, name="x") == []


def test_an_error_does_not_say_what_was_kept(connection, user_id):
    row = {
        **UNSET,
        "id": user_id,
        "email": "new@example.com",
        "name": "s3cr3t",
        "created_at": now(),
    }
    for insert_row in (
        lambda: connection.execute(insert(users), row),
        lambda: DriverStatement(insert(users)).execute(connection, **row),
    ):
        with pytest.raises(IntegrityError) as refused, connection.begin_nested():
            insert_row()
        assert "INSERT INTO users" in str(refused.value)
        assert "s3cr3t" not in str(refused.value)
