"""The command that makes an example project."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from projects_api.cli.common import (
    fail,
    used_settings_or_end,
)
from projects_api.cli.progress import drawn


def demo(
    email: Annotated[
        str | None, typer.Option(help="Who owns the project; by default the first user.")
    ] = None,
) -> None:
    """Fill a project with a real data set, models that are trained on it, and a report."""
    from projects_api.app.demo import JobNotDoneError, UnknownOwnerError, create_demo_project
    from projects_api.app.services import Services
    from projects_api.database.schema import upgrade
    from projects_api.logs import set_up_logs

    set_up_logs("warning", "console")
    settings = used_settings_or_end()
    services = Services.from_settings(settings)
    email = email or settings.first_user
    upgrade(services.database)
    try:
        with drawn() as report:
            project_id = create_demo_project(services, email, report)
    except UnknownOwnerError:
        fail(f"{email} is not registered: `projects-api users add {email}`")
    except JobNotDoneError as error:
        fail(str(error))
    except ImportError as error:
        fail(f"{error}: install `projects-api[ml]`")
    typer.echo(f"PROJECT_ID={project_id}")
