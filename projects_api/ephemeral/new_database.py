"""The database at the start, whose migrations have run once and not at every start."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from projects_api.database import Database
from projects_api.database.schema import fingerprint, upgrade
from projects_api.files.cache import kept


def make_schema(database: Database, path: Path) -> None:
    """Make the schema of a database at a path where nothing is yet."""
    path.write_bytes(kept(f"schema-{fingerprint()}-{sqlite3.sqlite_version}", migrated))
    # It finds nothing to do, unless somebody has kept the database of another version.
    upgrade(database)


def migrated() -> bytes:
    """Run all migrations, and return the file of the database."""
    with TemporaryDirectory(prefix="projects-api-") as folder:
        path = Path(folder) / "new.db"
        database = Database(f"sqlite:///{path}", connections=1)
        try:
            upgrade(database)
        finally:
            database.close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()
