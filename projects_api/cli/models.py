"""The command for models that leave the server."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from projects_api.cli.common import fail, reason


def model_to_mlflow(
    file: Annotated[
        Path, typer.Argument(help="The downloaded model.", exists=True, dir_okay=False)
    ],
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
) -> None:
    """Make a folder for MLflow's `pyfunc` of a downloaded model."""
    try:
        from projects_api.model_file import ModelRefused, write_mlflow
    except ImportError as error:
        fail(f"{error}: install `projects-api[ml]`")
    try:
        write_mlflow(file, folder)
    except ModelRefused as refused:
        fail(f"{file}: {refused}")
    except FileExistsError:
        fail(f"{folder} is there already: name another folder")
    except OSError as error:
        fail(f"{folder} cannot be made: {reason(error)}")
    typer.echo(f"mlflow.pyfunc.load_model({str(folder)!r}) loads it.")
