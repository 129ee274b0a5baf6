"""The command line: serve, worker, db, users, keys, demo, verify, import, doctor."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

import os
import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projects_api.server.database import Database
    from projects_api.server.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="A server for the Projects API.",
    # Local variables hold keys and passwords.
    pretty_exceptions_show_locals=False,
)
db = typer.Typer(no_args_is_help=True, help="The database.")
users = typer.Typer(no_args_is_help=True, help="People who may have keys and projects.")
keys = typer.Typer(no_args_is_help=True, help="API keys.")
app.add_typer(db, name="db")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")

FIRST_USER = "admin@localhost"


@app.callback()
def keep_to_oneself() -> None:
    """Make files and folders that only the user who runs this can read."""
    os.umask(os.umask(0o077) | 0o077)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
    *,
    reload: Annotated[bool, typer.Option(help="Restart when a file changes.")] = False,
    ephemeral: Annotated[
        bool, typer.Option(help="For tests: on data of its own, which end with the server.")
    ] = False,
    seed: Annotated[
        str | None, typer.Option(help="Ephemeral: demo (default), empty, or an exported archive.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="Ephemeral: where time begins, such as 2026-03-01T00:00:00Z.")
    ] = None,
    print_env: Annotated[
        bool, typer.Option(help="Ephemeral: print the address and keys for a shell to evaluate.")
    ] = False,
    stop_with_stdin: Annotated[
        bool, typer.Option(help="Ephemeral: stop when the standard input ends.")
    ] = False,
) -> None:
    """Serve the API. The first time, make a user and a key, and print how to use them."""
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            # The server's processes read the settings again, each for itself.
            os.environ[f"PROJECTS_API_{name}"] = str(value)
    if ephemeral:
        if reload or (workers or 1) > 1:
            _fail("an ephemeral server is one process")
        _serve_ephemeral(seed or "demo", clock, print_env=print_env, tied=stop_with_stdin)
        return
    if seed or clock or print_env or stop_with_stdin:
        _fail("--seed, --clock, --print-env and --stop-with-stdin need --ephemeral")
    settings = _settings()
    _check_store(settings)
    with _database(settings) as database:
        _introduce(settings, database)
    from projects_api.server.run import run

    run(settings, reload=reload)


@app.command()
def worker(
    concurrency: Annotated[
        int, typer.Option(help="Jobs that it works on at once.", min=1, max=64)
    ] = 1,
) -> None:
    """Work on jobs, beside the worker that `serve` has; on any machine, and as many as you like."""
    from projects_api.server.run import run_workers

    settings = _settings()
    _check_store(settings)
    run_workers(settings, concurrency)


def _serve_ephemeral(seed: str, clock: str | None, *, print_env: bool, tied: bool) -> None:
    from projects_api.server import ephemeral
    from projects_api.server.run import run_ephemeral

    def announce(base_url: str) -> None:
        for name, value in server.variables(base_url).items():
            if print_env or name in {"BASE_URL", "API_KEY"}:
                typer.echo(f"{name}={shlex.quote(value)}")
        # Who reads the lines sees their end, and need not wait for the server's.
        sys.stdout.flush()
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    try:
        moment = ephemeral.parse_moment(clock) if clock else None
        with ephemeral.EphemeralServer.temporary(_archive(seed), moment) as server:
            if tied:
                ephemeral.stop_with(sys.stdin)
            run_ephemeral(server, announce)
    except ValueError as error:
        _fail(_sentence(error))


def _archive(seed: str) -> Path | None:
    from projects_api.server.archive_reader import verify_archive
    from projects_api.server.seed import DEMO

    if seed in {"demo", "empty"}:
        return DEMO if seed == "demo" else None
    try:
        faults = verify_archive(Path(seed))
    except OSError as error:
        _fail(f"--seed takes demo, empty, or an exported archive: {error}")
    if faults:
        _fail(f"{seed} is no seed. {' '.join(faults)}")
    return Path(seed)


def _introduce(settings: "Settings", database: "Database") -> None:
    from sqlalchemy.exc import IntegrityError

    from projects_api.models import api_key, user
    from projects_api.server.schema import upgrade

    upgrade(database)
    try:
        with database.transaction() as connection:
            if user.any_exists(connection):
                return
            user_id = user.create(connection, email=FIRST_USER, name="Administrator")
            key = api_key.issue(connection, user_id=user_id, name="first key")
    except IntegrityError:
        return  # Another process that started at the same time was first.
    typer.echo(f"BASE_URL={settings.base_url}")
    typer.echo(f"API_KEY={key}")


@db.command("upgrade")
def upgrade_database() -> None:
    """Bring the database's schema up to date."""
    from projects_api.server.schema import head, upgrade

    with _database() as database:
        upgrade(database)
    typer.echo(f"The schema is at revision {head()}.")


@users.command("add")
def add_user(
    email: str, name: Annotated[str | None, typer.Option(help="Default: the address.")] = None
) -> None:
    """Register a person, who can then get keys and be a member of projects."""
    from sqlalchemy.exc import IntegrityError

    from projects_api.models import user

    name = name or email
    _check_person(name=name, email=email)
    try:
        with _database() as database, database.transaction() as connection:
            typer.echo(user.create(connection, email=email, name=name))
    except IntegrityError:
        _fail(f"{email} is registered already")


@users.command("list")
def list_users() -> None:
    """List everybody who is registered."""
    from projects_api.models import user

    with _database() as database, database.transaction(writing=False) as connection:
        for row in user.list_all(connection):
            typer.echo(f"{row['id']}  {row['email']}  {row['name']}")


@keys.command("create")
def create_key(
    email: str,
    scopes: Annotated[
        str, typer.Option(help="Of read, write, predict, admin; commas between.")
    ] = "read,write,predict",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[
        float | None, typer.Option(help="Days until the key expires.", min=0, max=36_500)
    ] = None,
) -> None:
    """Make an API key. It is shown once, and never again."""
    from projects_api.models import api_key, user
    from projects_api.models.base import to_text

    wanted = tuple(dict.fromkeys(scope.strip() for scope in scopes.split(",")))
    if unknown := set(wanted) - set(api_key.SCOPES):
        raise typer.BadParameter(f"unknown scopes: {', '.join(sorted(unknown))}")
    expires_at = None if days is None else to_text(datetime.now(UTC) + timedelta(days=days))
    with _database() as database, database.transaction() as connection:
        user_id = user.find_id(connection, email)
        if user_id is None:
            _fail(f"{email} is not registered: `projects-api users add {email}`")
        key = api_key.issue(
            connection, user_id=user_id, name=name, scopes=wanted, expires_at=expires_at
        )
    typer.echo(f"API_KEY={key}")


@keys.command("list")
def list_keys() -> None:
    """List every key, without its secret."""
    from projects_api.models import api_key

    with _database() as database, database.transaction(writing=False) as connection:
        for row in api_key.list_all(connection):
            state = f"revoked {row['revoked_at']}" if row["revoked_at"] else "live"
            if not row["revoked_at"] and row["expires_at"]:
                state = f"expires {row['expires_at']}"
            typer.echo(f"{row['id']}  {row['email']}  {row['scopes']}  {state}  {row['name']}")


@keys.command("revoke")
def revoke_key(key_id: str) -> None:
    """Make a key useless, at once and in every process."""
    from projects_api.models import api_key

    with _database() as database, database.transaction() as connection:
        if not api_key.revoke(connection, key_id.lower()):
            _fail(f"there is no live key {key_id}: `projects-api keys list`")


@app.command()
def demo(
    email: Annotated[str, typer.Option(help="Who owns the project.")] = FIRST_USER,
) -> None:
    """Fill a project with a real data set, models that are trained on it, and a report."""
    from projects_api.server.demo import JobNotDoneError, UnknownOwnerError, fill
    from projects_api.server.logs import set_up_logs
    from projects_api.server.schema import upgrade
    from projects_api.server.services import Services

    set_up_logs("warning", "console")
    services = Services.from_settings(_settings())
    upgrade(services.database)
    try:
        typer.echo(f"PROJECT_ID={fill(services, email)}")
    except UnknownOwnerError:
        _fail(f"{email} is not registered: `projects-api users add {email}`")
    except JobNotDoneError as error:
        _fail(str(error))
    except ImportError as error:
        _fail(f"{error}: install `projects-api[ml]`")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
) -> None:
    """Check an exported archive against its manifest."""
    from projects_api.server.archive_reader import verify_archive

    faults = verify_archive(file)
    for fault in faults:
        typer.echo(f"{file}: {fault}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{file} is whole.")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    owner: Annotated[str, typer.Option(help="E-mail address of who owns the project.")],
    name: Annotated[str | None, typer.Option(help="Default: the name that it had.")] = None,
) -> None:
    """Make a project of an exported archive, of any size."""
    from projects_api.models import user
    from projects_api.server.archive_reader import ArchiveRefused
    from projects_api.server.importing import import_archive
    from projects_api.server.schema import upgrade
    from projects_api.server.services import Services

    _check_person(name=name or owner, email=owner)
    services = Services.from_settings(_settings())
    upgrade(services.database)
    with services.database.transaction(writing=False) as connection:
        owner_id = user.find_id(connection, owner)
    if owner_id is None:
        _fail(f"{owner} is not registered: `projects-api users add {owner}`")
    try:
        project_id, strangers = import_archive(services, file, owner_id=owner_id, name=name)
    except ArchiveRefused as refused:
        _fail(f"{file} cannot be imported. {refused}")
    for email in strangers:
        typer.echo(f"{email} is not registered here, and so is no member.", err=True)
    typer.echo(f"PROJECT_ID={project_id}")


@app.command()
def doctor() -> None:
    """Check settings, contract, database, artifact store and counts."""
    from projects_api.server.logs import set_up_logs

    settings = _settings()
    set_up_logs("warning", "console")
    from projects_api.server.doctor import examine

    failed = False
    for name, faults in examine(settings):
        failed = failed or bool(faults)
        typer.echo(f"{'FAULT' if faults else 'ok   '}  {name}")
        for fault in faults:
            typer.echo(f"       {fault}")
    if failed:
        raise typer.Exit(1)


def _check_person(*, name: str, email: str) -> None:
    from projects_api.server.contract import Checker, contract

    schemas = contract()["components"]["schemas"]
    for schema, value in {"EmailAddress": email, "Name": name}.items():
        if faults := Checker(schemas[schema]).faults(value, "body"):
            raise typer.BadParameter(faults[0]["message"])


def _settings() -> "Settings":
    from pydantic import ValidationError

    from projects_api.server.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        _fail(_sentence(error))


def _check_store(settings: "Settings") -> None:
    from projects_api.server.artifact_store import ArtifactStore, ArtifactStoreUnavailable

    try:
        ArtifactStore(settings.artifacts)
    except (ArtifactStoreUnavailable, ValueError) as error:
        _fail(f"the artifact store cannot be used: {error}")


@contextmanager
def _database(settings: "Settings | None" = None) -> "Iterator[Database]":
    from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

    from projects_api.server.database import Database

    database = Database((settings or _settings()).database)
    try:
        yield database
    except (InterfaceError, OperationalError, ProgrammingError) as error:
        _fail(f"{error.orig}: is the database there, and up to date (`projects-api db upgrade`)?")
    finally:
        database.close()


def _sentence(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors())
    return str(error)


def _fail(message: str) -> NoReturn:
    typer.echo(f"projects-api: {message}", err=True)
    raise typer.Exit(1)
