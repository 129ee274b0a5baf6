"""What every command needs: settings, a database, and a way to say what is wrong."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

import re
import unicodedata
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projects_api.database import Database
    from projects_api.settings import Settings


FAILED, USAGE = 1, 2
"""Exit statuses: of what could not be done, and of a command that cannot be understood."""
_SAID = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}
"""How the faults of a setting are told that its library tells in its own words."""


def check_person(*, name: str, email: str) -> None:
    """Refuse what the contract takes for no name or no e-mail address."""
    if fault := _fault("EmailAddress", email):
        is_other = "does not match" in fault
        no_address = f"{email!r} is no e-mail address of plain letters, such as alice@example.com"
        raise typer.BadParameter(no_address if is_other else fault)
    check_name(name)


def check_name(name: str) -> None:
    """Refuse what the contract takes for no name, and what breaks the lines of a list."""
    if fault := _fault("Name", name):
        raise typer.BadParameter(f"--name: {fault}")
    if any(unicodedata.category(one) in {"Cc", "Zl", "Zp"} for one in name):
        raise typer.BadParameter("--name is one line of letters that can be printed")


def _fault(schema: str, value: str) -> str | None:
    """Say what the contract has against a value of one of its schemas."""
    from projects_api.contract.checker import Checker
    from projects_api.openapi import contract

    checker = Checker(contract()["components"]["schemas"][schema], of_requests=True)
    return next((fault["message"] for fault in checker.faults(value, "body")), None)


def settings_or_end() -> "Settings":
    """Read the settings, or say what is wrong with them and end."""
    from pydantic import ValidationError

    import projects_api.logs  # noqa: F401 - before what imports structlog, and rich with it
    from projects_api.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        fail(fault_text(error))
    if settings.traces and find_spec("opentelemetry") is None:
        fail("PROJECTS_API_TRACES needs the extra otel: pip install 'projects-api[otel]'")
    if settings.oidc_issuer and find_spec("joserfc") is None:
        fail("PROJECTS_API_OIDC_ISSUER needs the extra oidc: pip install 'projects-api[oidc]'")
    if settings.mcp and find_spec("mcp") is None:
        fail("PROJECTS_API_MCP needs the extra mcp: pip install 'projects-api[mcp]'")
    if settings.job_engine == "ray" and find_spec("ray") is None:
        fail("PROJECTS_API_JOB_ENGINE=ray needs the extra ray: pip install 'projects-api[ray]'")
    for file in filter(None, (settings.tls_certificate, settings.tls_key)):
        if not file.is_file():
            fail(f"there is no file {file}, which a PROJECTS_API_TLS_... names")
    return settings


def check_store(settings: "Settings") -> None:
    """Say what is wrong with the artifact store, and end."""
    from projects_api.files.spool import StorageUnavailable
    from projects_api.storage.store import ArtifactStore

    try:
        ArtifactStore(settings.artifacts)
    except (StorageUnavailable, ValueError) as error:
        fail(f"the artifact store cannot be used: {error}")


def id_or_end(text: str, otherwise: str, status: int = FAILED) -> str:
    """Read an id as it is kept, or say something else and end."""
    from uuid import UUID

    try:
        return str(UUID(text))
    except ValueError:
        fail(otherwise, status)


def used_settings_or_end() -> "Settings":
    """Read the settings of an installation that has a database, or say where none is and end."""
    from projects_api.database import find_missing_file

    settings = settings_or_end()
    try:
        missing = find_missing_file(settings.database)
    except OSError as error:
        fail(f"the database cannot be looked at: {reason(error)}")
    if missing:
        fail(
            f"there is no database {missing.absolute()}: run this in the folder in which the "
            "server runs and with its settings, or make a database by `projects-api db upgrade`"
        )
    return settings


@contextmanager
def opened_database(settings: "Settings | None" = None) -> "Iterator[Database]":
    """Open the database while a block runs; say what it lacks, and end.

    Without `settings` it must be there already.
    """
    from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError

    from projects_api.database import Database
    from projects_api.database.schema import NewerSchemaError
    from projects_api.driver_faults import DiskFull

    wanted = (settings or used_settings_or_end()).database
    try:
        database = Database(wanted)
    except OSError as error:
        fail(f"the folder of the database cannot be made: {reason(error)}")
    try:
        yield database
    except IntegrityError:
        raise
    except DiskFull as error:
        fail(f"the disk of the database is full, and takes no change: {error.orig}")
    except (DatabaseError, InterfaceError) as error:
        fail(f"{error.orig}: is the database there, and up to date (`projects-api db upgrade`)?")
    except NewerSchemaError as error:
        fail(str(error))
    finally:
        database.close()


def fault_text(error: ValueError) -> str:
    """Write what is wrong with a value in a line."""
    from pydantic import ValidationError

    from projects_api.settings import PREFIX

    if not isinstance(error, ValidationError):
        return str(error)
    told = []
    for fault in error.errors():
        name = "".join(f"{PREFIX}{part}: ".upper() for part in fault["loc"][:1])
        said = _SAID.get(fault["type"], "").format(**fault.get("ctx", {}))
        told.append(name + (said or fault["msg"].removeprefix("Value error, ")))
    return "; ".join(told)


def reason(error: BaseException) -> str:
    """Say why the system refused something, without numbers of errors and Python's names."""
    cause = getattr(error, "reason", error)  # of what urllib wraps
    if isinstance(cause, OSError) and cause.strerror:
        names = f"{cause.filename}: " if isinstance(cause.filename, str) else ""
        return names + re.sub(r"^\[Errno -?\d+\] ", "", cause.strerror)
    return re.sub(r"\[Errno -?\d+\] ", "", " ".join(str(cause).split()))


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Say what is wrong, and end."""
    typer.echo(f"projects-api: {message}", err=True)
    raise typer.Exit(status)
