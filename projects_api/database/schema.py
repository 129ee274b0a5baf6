"""The database's schema: brought up to date, and compared with what the code expects."""

# Most servers find their schema up to date, and need no Alembic for that: it is slow to import.
# ruff: noqa: PLC0415

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from projects_api.database import Database
from projects_api.models.base import metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

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
        if is_current(connection):
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        from alembic import command

        command.upgrade(_config(connection), "head")


def current(connection: Connection) -> str | None:
    """Return the revision of the database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def is_current(connection: Connection) -> bool:
    """Return whether the schema is what the code expects; raises NewerSchemaError."""
    found = current(connection)
    if found == head():
        return True
    if found is not None and not knows(found):
        raise NewerSchemaError(found)
    return False


def head() -> str:
    """Return the revision that the code expects: the number of the last migration's file."""
    return _files()[-1].name.partition("_")[0]


def knows(revision: str | None) -> bool:
    """Return whether the code can bring a database of a revision up to date."""
    return revision in {one.revision for one in scripts().walk_revisions()}


def scripts() -> "ScriptDirectory":
    """Return the migrations as Alembic reads them."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config(None))


def fingerprint() -> str:
    """Return a digest of everything that decides what the schema of a new database is."""
    digest = sha256()
    for file in [_MIGRATIONS / "env.py", *_files()]:
        digest.update(sha256(file.read_bytes()).digest())
    for package in ("alembic", "sqlalchemy"):
        digest.update(f"{package} {version(package)};".encode())
    return digest.hexdigest()


def _files() -> list[Path]:
    return sorted((_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def differences(connection: Connection) -> list[str]:
    """Say where the database differs from the models."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [str(difference) for difference in compare_metadata(context, metadata)]


def make_revision(database: Database, message: str, revision_id: str) -> None:
    """Write a new migration from the difference between database and models."""
    from alembic import command

    with database.transaction() as connection:
        command.revision(_config(connection), message, autogenerate=True, rev_id=revision_id)


def _config(connection: Connection | None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
