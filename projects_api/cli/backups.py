"""Commands about a whole installation: backup, restore, migrate."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from projects_api.cli.common import fail, fault_text, reason, settings_or_end, used_settings_or_end
from projects_api.cli.progress import drawn

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", file_okay=False)]


def backup(folder: Folder) -> None:
    """Copy the database and every file that it refers to, while the server goes on."""
    from projects_api.app.backup import back_up

    with _faults_told():
        settings = used_settings_or_end()
        with drawn() as report:
            made = back_up(settings, folder, report)
        typer.echo(f"{folder} has the database and {made.contents} files of {made.bytes} bytes.")


def restore(folder: Folder) -> None:
    """Put a backup into an empty database and an empty artifact store."""
    from projects_api.app.backup import restore as put_back

    with _faults_told():
        settings = settings_or_end()
        with drawn() as report:
            made = put_back(settings, folder, report)
        typer.echo(
            f"The database of {made.made_at} is back, with {made.contents} files of {made.bytes} "
            "bytes, each compared with its SHA-256."
        )


def migrate(
    *,
    to: Annotated[
        str,
        typer.Option(
            envvar="MIGRATE_TO",
            show_envvar=True,
            help="The URL of the new database, which is empty: sqlite:///... or postgresql://...",
        ),
    ],
    artifacts: Annotated[
        str,
        typer.Option(
            envvar="MIGRATE_ARTIFACTS_TO",
            show_envvar=True,
            help="The new artifact store: a folder or s3://... It stays where it is by default.",
        ),
    ] = "",
) -> None:
    """Copy everything to another database and store of whatever kind. Stop the server first."""
    from projects_api.app.move import move

    source = used_settings_or_end()
    with _faults_told():
        target = type(source)(database_url=to, artifact_url=artifacts or source.artifacts)
        with drawn() as report:
            moved = move(source, target, report)
    for name, summary in moved.tables.items():
        typer.echo(f"{summary.rows:>12,} {name}")
    typer.echo(
        f"{moved.rows:,} rows and {moved.contents:,} files of {moved.bytes:,} bytes are there, "
        "compared with those that are here. From now on the server needs:"
    )
    typer.echo("  PROJECTS_API_DATABASE_URL as --to said")
    typer.echo(f"  PROJECTS_API_ARTIFACT_URL={target.artifacts}")


@contextmanager
def _faults_told() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from projects_api.app.backup import BackupRefused
    from projects_api.app.move import MoveRefused
    from projects_api.files.spool import StorageUnavailable

    try:
        yield
    except (BackupRefused, MoveRefused, StorageUnavailable) as error:
        fail(str(error))
    except OSError as error:
        fail(reason(error))
    except ValueError as error:
        fail(fault_text(error))
    except SQLAlchemyError as error:
        fail(f"the database does not answer as it should: {getattr(error, 'orig', error)}")
