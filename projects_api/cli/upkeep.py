"""Commands of an operator: db upgrade, doctor, audit."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from typing import TYPE_CHECKING, Annotated

import typer

from projects_api.cli.common import (
    id_or_end,
    opened_database,
    settings_or_end,
)
from projects_api.cli.progress import drawn

if TYPE_CHECKING:
    from sqlalchemy import Connection

db = typer.Typer(no_args_is_help=True, help="The database.")


@db.command("upgrade")
def upgrade_database() -> None:
    """Bring the database's schema up to date."""
    from projects_api.database.schema import head, upgrade

    with opened_database(settings_or_end()) as database:
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
    for name, faults in examine(settings, verify=verify, drawing=drawn):
        failed = failed or bool(faults)
        typer.echo(f"{'FAULT' if faults else 'ok   '}  {name}")
        for fault in faults:
            typer.echo(f"       {fault}")
    if failed:
        raise typer.Exit(1)


def audit(
    *,
    user: Annotated[str | None, typer.Option(help="E-mail address or id of who asked.")] = None,
    project: Annotated[str | None, typer.Option(help="Id of the project.")] = None,
    operation: Annotated[str | None, typer.Option(help="Such as `delete_project`.")] = None,
    status: Annotated[int | None, typer.Option(help="HTTP status, such as 403.")] = None,
    days: Annotated[
        float | None, typer.Option(help="Of the last days only.", min=0, max=36_500)
    ] = None,
    limit: Annotated[int, typer.Option(help="Entries at most.", min=1, max=100_000)] = 100,
) -> None:
    """List who changed what, and who was refused, the newest first."""
    from datetime import timedelta

    from projects_api.models import audit as entries
    from projects_api.models.base import present, to_text

    with opened_database() as database, database.transaction(writing=False) as connection:
        wanted = {
            "user_id": user and _user_id(connection, user),
            "project_id": project and _id(project),
            "operation": operation,
            "status": status,
        }
        since = None if days is None else to_text(present() - timedelta(days=days))
        found = entries.list_newest(connection, since=since, limit=limit, **wanted)
    for one in found:
        typer.echo("  ".join(str(one[name] or "-") for name in _AUDITED))


_AUDITED = (
    *("created_at", "status", "operation", "user_id", "key_id", "project_id", "resource_id"),
    *("request_id", "client", "request_count"),
)


def _user_id(connection: "Connection", user: str) -> str:
    """Find a person by address; who was removed is known by the id alone."""
    from projects_api.models.user import find_id

    return find_id(connection, user) or _id(user)


def _id(text: str) -> str:
    return id_or_end(
        text, f"{text} is neither the id of anything nor registered: `projects-api users list`"
    )
