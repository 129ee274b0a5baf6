"""What was answered with a success is on the disk."""

from sqlalchemy import Connection, text

from projects_api.database import Database
from tests.support.flushing import outcomes_on_deaf_disk


def test_no_commit_succeeds_before_the_disk_confirms_it(tmp_path):
    assert outcomes_on_deaf_disk(tmp_path)["commit"] == "OperationalError"


def test_every_connection_waits_for_the_disk(database: Database):
    for options in ({}, {"writing": True}, {"snapshot": True}):
        with database.connect(**options) as connection:
            assert_waits(connection, database)
    if database.is_embedded:
        with database.event_loop_connection() as connection:
            assert_waits(connection, database)


def assert_waits(connection: Connection, database: Database) -> None:
    if database.is_embedded:
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    else:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
