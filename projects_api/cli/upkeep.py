"""Commands of an operator: db upgrade, doctor."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from projects_api.cli.common import (
    opened_database,
    settings_or_end,
)

db = typer.Typer(no_args_is_help=True, help="The database.")


@db.command("upgrade")
def upgrade_database() -> None:
    """Bring the database's schema up to date."""
    from projects_api.database.schema import head, upgrade

    with opened_database() as database:
        upgrade(database)
    typer.echo(f"The schema is at revision {head()}.")


def doctor(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every stored file and compare its SHA-256.")
    ] = False,
) -> None:
    """Check settings, contract, database, artifact store and counts."""
    from projects_api.logs import set_up_logs

    settings = settings_or_end()
    set_up_logs("warning", "console")
    from projects_api.app.doctor import examine

    failed = False
    for name, faults in examine(settings, verify=verify):
        failed = failed or bool(faults)
        typer.echo(f"{'FAULT' if faults else 'ok   '}  {name}")
        for fault in faults:
            typer.echo(f"       {fault}")
    if failed:
        raise typer.Exit(1)
