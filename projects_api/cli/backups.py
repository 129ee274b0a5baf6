"""Commands about backups: backup, restore."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from projects_api.cli.common import fail, settings_or_end

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", file_okay=False)]


def backup(folder: Folder) -> None:
    """Copy the database and every file that it refers to, while the server goes on."""
    from projects_api.app.backup import back_up

    with _faults_told():
        made = back_up(settings_or_end(), folder)
        typer.echo(f"{folder} has the database and {made.contents} files of {made.bytes} bytes.")


def restore(folder: Folder) -> None:
    """Put a backup into an empty database and an empty artifact store."""
    from projects_api.app.backup import restore as put_back

    with _faults_told():
        made = put_back(settings_or_end(), folder)
        typer.echo(
            f"The database of {made.made_at} is back, with {made.contents} files of {made.bytes} "
            "bytes, each compared with its SHA-256."
        )


@contextmanager
def _faults_told() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from projects_api.app.backup import BackupRefused
    from projects_api.files.spool import StorageUnavailable

    try:
        yield
    except (BackupRefused, SQLAlchemyError, StorageUnavailable, OSError, ValueError) as error:
        fail(str(error))
