"""The command line: one module a group of commands."""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from projects_api.cli import (
    agents,
    archives,
    backups,
    checking,
    coverage,
    demo,
    models,
    people,
    serving,
    upkeep,
    watching,
)

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A server for the Projects API.",
    # Local variables hold keys and passwords.
    pretty_exceptions_show_locals=False,
)
app.add_typer(upkeep.db, name="db")
app.add_typer(people.users, name="users")
app.add_typer(people.keys, name="keys")
app.command()(serving.serve)
app.command()(serving.worker)
app.command()(demo.demo)
app.command()(watching.watch)
app.command()(archives.verify)
app.command("import")(archives.import_file)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(backups.migrate)
app.command()(coverage.coverage)
app.command()(checking.check)
app.command()(agents.mcp)
app.command()(models.model_to_mlflow)
app.command()(upkeep.doctor)
app.command()(upkeep.audit)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"projects-api {version('projects-api')}")
        raise typer.Exit


@app.callback()
def keep_to_oneself(
    *,
    show_version: Annotated[  # noqa: ARG001 - its callback has printed it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Make files and folders that only the user who runs this can read."""
    os.umask(os.umask(0o077) | 0o077)
