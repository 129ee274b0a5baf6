"""Commands that run until they are stopped: serve, worker."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from projects_api.cli.arguments import MOST_PORT
from projects_api.cli.common import (
    check_store,
    fail,
    fault_text,
    opened_database,
    settings_or_end,
)
from projects_api.cli.listening import announced, check_port

if TYPE_CHECKING:
    from projects_api.database import Database
    from projects_api.settings import Settings


SCHEMA_POLL_SECONDS = 0.5


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; or PROJECTS_API_HOST.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; or PROJECTS_API_PORT.", show_default="8888"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Server processes; or PROJECTS_API_WORKERS.", show_default="1"),
    ] = None,
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
            fail("an ephemeral server is one process")
        _serve_ephemeral(seed or "demo", clock, print_env=print_env, tied=stop_with_stdin)
        return
    if seed or clock or print_env or stop_with_stdin:
        fail("--seed, --clock, --print-env and --stop-with-stdin need --ephemeral")
    settings = settings_or_end()
    check_port(settings.host, settings.port)
    check_store(settings)
    warn_of_unknown_settings(settings)
    with opened_database(settings) as database:
        key = create_first_user(settings, database)
    from projects_api.app.run import run

    with announced(settings, key):
        run(settings, reload=reload)


def worker(
    concurrency: Annotated[
        int, typer.Option(help="Jobs that it works on at once.", min=1, max=64)
    ] = 1,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port on which to tell health and metrics; none by default.", min=0, max=MOST_PORT
        ),
    ] = None,
) -> None:
    """Work on jobs, beside the worker that `serve` has; on any machine, and as many as you like."""
    from projects_api.app.run import run_workers

    if port is not None:
        os.environ["PROJECTS_API_WORKER_PORT"] = str(port)
    settings = settings_or_end()
    check_store(settings)
    warn_of_unknown_settings(settings)
    with opened_database(settings) as database:
        await_schema(database)
    run_workers(settings, concurrency)


def warn_of_unknown_settings(settings: "Settings") -> None:
    """Set up the log, and say in it which names look like settings and are none.

    They are no reason to end: others may put variables of the same prefix there.
    """
    import structlog

    from projects_api.logs import set_up_logs
    from projects_api.settings import names_given, unknown_names

    set_up_logs(settings.log_level, settings.log_format)
    for told in unknown_names(names_given()):
        structlog.get_logger().warning("unknown_setting", detail=told)


def await_schema(database: "Database") -> None:
    """Wait until somebody has brought the schema up to date: the server, or `db upgrade`."""
    import structlog

    from projects_api.database.schema import is_current

    waits = False
    while True:
        with database.transaction(writing=False) as connection:
            if is_current(connection):
                return
        if not waits:
            structlog.get_logger().info("waits_for_schema")
        waits = True
        time.sleep(SCHEMA_POLL_SECONDS)


def _serve_ephemeral(seed: str, clock: str | None, *, print_env: bool, tied: bool) -> None:
    from projects_api.ephemeral import server as ephemeral
    from projects_api.ephemeral.pages import parse_moment
    from projects_api.ephemeral.run import run_ephemeral

    def announce(base_url: str) -> None:
        for name, value in server.variables(base_url).items():
            if print_env or name in {"BASE_URL", "API_KEY"}:
                typer.echo(f"{name}={shlex.quote(value)}")
        # Who reads the lines sees their end, and need not wait for the server's.
        sys.stdout.flush()
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    try:
        moment = parse_moment(clock) if clock else None
    except ValueError as error:
        fail(f"--clock: {error}")
    try:
        with ephemeral.EphemeralServer.temporary(_archive(seed), moment) as server:
            check_port(server.settings.host, server.settings.port)
            if tied:
                ephemeral.stop_with(sys.stdin)
            run_ephemeral(server, announce)
    except ValueError as error:
        fail(fault_text(error))


def _archive(seed: str) -> Path | None:
    from projects_api.archive.reader import verify_archive
    from projects_api.ephemeral.seed import DEMO

    if seed in {"demo", "empty"}:
        return DEMO if seed == "demo" else None
    try:
        faults = verify_archive(Path(seed))
    except OSError as error:
        wanted = "--seed takes demo, empty, or the path of an exported archive"
        fail(f"{wanted}; {seed} cannot be read: {error.strerror or error}")
    if faults:
        fail(f"{seed} is no seed. {' '.join(faults)}")
    return Path(seed)


def create_first_user(settings: "Settings", database: "Database") -> str | None:
    """Make the database, its first user and a key, which is returned, where no user is yet."""
    from sqlalchemy.exc import IntegrityError

    from projects_api.database.schema import upgrade
    from projects_api.models import api_key, user

    upgrade(database)
    try:
        with database.transaction() as connection:
            if user.any_exists(connection):
                return None
            user_id = user.create(connection, email=settings.first_user, name="Administrator")
            return api_key.issue(connection, user_id=user_id, name="first key")
    except IntegrityError:
        return None  # Another process that started at the same time was first.
