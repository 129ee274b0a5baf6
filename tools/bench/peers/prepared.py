"""What psycopg does for a server that leaves its statements to it."""

from typing import Any

from sqlalchemy import event

from projects_api.database import Database

AFTER = 5
"""Executions after which psycopg prepares a statement, unless it is told otherwise."""


def prepare_statements(database: Database) -> None:
    """Let psycopg prepare statements, as it does by itself; this project's server does it."""
    if not database.is_embedded:
        event.listen(database.engine, "connect", _prepare)


def _prepare(driver: Any, _record: object) -> None:
    driver.prepare_threshold = AFTER
