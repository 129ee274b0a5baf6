"""Commands about exported archives: verify, import."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from projects_api.cli.common import (
    check_person,
    fail,
    used_settings_or_end,
)
from projects_api.cli.progress import drawn


def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
) -> None:
    """Check an exported archive against its manifest."""
    from projects_api.archive.reader import verify_archive

    with drawn() as report:
        faults = verify_archive(file, partial(report, "Checking the files"))
    for fault in faults:
        typer.echo(f"{file}: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{file} is whole.")


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    owner: Annotated[str, typer.Option(help="E-mail address of who owns the project.")],
    name: Annotated[str | None, typer.Option(help="Default: the name that it had.")] = None,
) -> None:
    """Make a project of an exported archive, of any size."""
    from projects_api.app.services import Services
    from projects_api.archive.importing import import_archive
    from projects_api.archive.reader import ArchiveRefused
    from projects_api.database.schema import upgrade
    from projects_api.models import user

    check_person(name=name or owner, email=owner)
    services = Services.from_settings(used_settings_or_end())
    upgrade(services.database)
    with services.database.transaction(writing=False) as connection:
        owner_id = user.find_id(connection, owner)
    if owner_id is None:
        fail(f"{owner} is not registered: `projects-api users add {owner}`")
    try:
        with drawn() as report:
            project_id, strangers = import_archive(
                services.database,
                services.artifacts,
                file,
                owner_id=owner_id,
                name=name,
                report=report,
            )
    except ArchiveRefused as refused:
        fail(f"{file} cannot be imported. {refused}")
    for email in strangers:
        typer.echo(f"{email} is not registered here, and so is no member.", err=True)
    typer.echo(f"PROJECT_ID={project_id}")
