"""Where a server is to listen: whether it may, and what to tell a person once it does."""

import errno
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from projects_api.cli.arguments import MOST_PORT
from projects_api.cli.common import fail

if TYPE_CHECKING:
    from projects_api.settings import Settings

TRIED_PORTS = 100
POLL_SECONDS = 0.1
_TAKEN = {errno.EADDRINUSE}


def check_port(host: str, port: int) -> None:
    """Say in a sentence why nothing can listen there, and end; port 0 is any that is free."""
    fault = _fault(host, port)
    if fault is None:
        return
    if fault.errno not in _TAKEN:
        fail(f"nothing can listen on {host}, port {port}: {fault.strerror or fault}")
    later = range(port + 1, min(port + 1 + TRIED_PORTS, MOST_PORT + 1))
    free = next((one for one in later if _fault(host, one) is None), None)
    advice = (
        "name another by --port"
        if free is None
        else f"{free} is free (`make serve PORT={free}`, or `projects-api serve --port {free}`)"
    )
    fail(f"port {port} is in use by another program: {advice}")


def _fault(host: str, port: int) -> OSError | None:
    """Listen for a moment at every address that the name has, as the server will."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as listener:
                # As the server does: what a connection that has just ended leaves is no hindrance.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
                listener.listen()
    except OSError as error:
        return error
    return None


def lines_for_shell(settings: "Settings", key: str) -> str:
    """Write what a shell needs to use a new server."""
    return f"BASE_URL={settings.base_url}\nAPI_KEY={key}"


def banner(settings: "Settings", key: str | None) -> str:
    """Write what a person wants to know of a server that has just begun to serve."""
    url = settings.base_url
    lines = ["", f"  The console   {url}/", f"  The API       {url}/docs", ""]
    if key:
        lines += [*lines_for_shell(settings, key).splitlines(), ""]
        lines += [
            "  The key is not shown again. Open the console and paste it, or paste both lines"
        ]
        lines += ["  into a shell and go on with the README. `projects-api demo`, in another shell"]
        lines += ["  in this folder, makes an example project."]
    else:
        lines += ["  Sign in with your key. `projects-api keys create E-MAIL`, in another shell in"]
        lines += ["  this folder, makes another one."]
    return "\n".join([*lines, "  Ctrl+C ends the server.", ""])


@contextmanager
def announced(settings: "Settings", key: str | None) -> Iterator[None]:
    """Tell how to use the server that runs in the block: programs at once, a person once it serves.

    A new key is told in any case, even where the server never serves.
    """
    if not sys.stdout.isatty():
        if key:
            typer.echo(lines_for_shell(settings, key))
        yield
        return
    typer.echo("Starting the server ...")
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(settings, key, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _tell(settings: "Settings", key: str | None, ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        with suppress(OSError), socket.create_connection(_reached(settings), timeout=1):
            typer.echo(banner(settings, key))
            return
    if key:
        typer.echo(lines_for_shell(settings, key))


def _reached(settings: "Settings") -> tuple[str, int]:
    """Give the address by which this machine reaches what listens everywhere."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "localhost"}  # noqa: S104
    return everywhere.get(settings.host, settings.host), settings.port
