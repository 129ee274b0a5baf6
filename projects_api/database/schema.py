"""The database's schema: brought up to date, and compared with what the code expects."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from projects_api.database import Database
from projects_api.models.base import metadata

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_LOCK = 0x70726F6A  # Any number that nothing else on the database server locks.


class NewerSchemaError(Exception):
    """The database was made by a newer version, and this one must leave it alone."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database's schema is {revision}, of a newer version than this one: install that "
            "version or a later one, or restore a backup that was made before"
        )


def upgrade(database: Database) -> None:
    """Bring the schema up to date; raises NewerSchemaError.

    Processes that start together wait for one another.
    """
    with database.transaction() as connection:
        is_current(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def current(connection: Connection) -> str | None:
    """Return the revision of the database."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Return whether the schema is what the code expects; raises NewerSchemaError."""
    found = current(connection)
    if found is not None and not knows(found):
        raise NewerSchemaError(found)
    return found == head()


def head() -> str | None:
    """Return the revision that the code expects."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def knows(revision: str | None) -> bool:
    """Return whether the code can bring a database of a revision up to date."""
    known = {one.revision for one in ScriptDirectory.from_config(_config(None)).walk_revisions()}
    return revision in known


def differences(connection: Connection) -> list[str]:
    """Say where the database differs from the models."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [str(difference) for difference in compare_metadata(context, metadata)]


def make_revision(database: Database, message: str, revision_id: str) -> None:
    """Write a new migration from the difference between database and models."""
    with database.transaction() as connection:
        command.revision(_config(connection), message, autogenerate=True, rev_id=revision_id)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
