"""Copies of a whole database: taken of one moment while others write, and put into an empty one."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, inspect, text

from projects_api.database import Database

Result = TypeVar("Result")


class CopyFailed(Exception):
    """A copy cannot be made or put back; the text says why, and what to do."""


def copy_out(database: Database, target: Path, hold: Callable[[Connection], Result]) -> Result:
    """Write a copy to a file; return what `hold` returns.

    `hold` sees exactly what the copy has, but for what it writes itself; that is committed. Raises
    CopyFailed where a program is missing or fails.
    """
    copy = _copy_sqlite if database.is_embedded else _copy_postgresql
    return copy(database, target, hold)


def copy_in(database: Database, source: Path) -> None:
    """Fill an empty database from a copy of the same kind; raises CopyFailed."""
    if database.is_embedded:
        with (
            closing(sqlite3.connect(source)) as copy,
            closing(sqlite3.connect(_path_of(database))) as target,
        ):
            copy.backup(target)
        return
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run("pg_restore", database.engine.url, *options, str(source))


def is_empty(database: Database) -> bool:
    """Return whether a database has no table."""
    return not inspect(database.engine).get_table_names()


def _copy_sqlite(database: Database, target: Path, hold: Callable[[Connection], Result]) -> Result:
    with closing(sqlite3.connect(_path_of(database), isolation_level=None)) as reader:
        with database.transaction() as connection:
            held = hold(connection)
            # As long as this one may write, nobody else does: the reader sees what was before.
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as copy:
            reader.backup(copy)
    return held


def _copy_postgresql(
    database: Database, target: Path, hold: Callable[[Connection], Result]
) -> Result:
    with database.connect(snapshot=True) as connection, connection.begin():
        held = hold(connection)
        snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
        options = ["--format=custom", "--no-owner", "--no-privileges"]
        named = [f"--snapshot={snapshot}", f"--file={target}"]
        _run("pg_dump", database.engine.url, *options, *named)
    return held


def _path_of(database: Database) -> str:
    path = database.engine.url.database
    if not path:
        raise CopyFailed("The database is in memory: there is no file to copy.")
    return path


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run a program of PostgreSQL; no password is seen among its arguments."""
    if shutil.which(program) is None:
        raise CopyFailed(
            f"{program} is not here. Install the client programs of PostgreSQL, of the server's "
            "version or a newer one, or copy the database by means of its host."
        )
    password = url.password or url.query.get("password")
    plain = url.set(drivername="postgresql", password=None).difference_update_query(["password"])
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    done = subprocess.run(  # noqa: S603 - the program is named above, the URL is the operator's
        [program, *arguments, f"--dbname={plain.render_as_string()}"],
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise CopyFailed(f"{program} failed: {done.stderr.strip()}")
