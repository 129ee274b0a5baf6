"""A pytest plugin: the fixture `projects_api_server` is a real server with known content.

It is installed with the package. Nothing of the server is imported here; it is a process of its
own, so that a test may replace clocks, sockets and libraries in this one.
"""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import IO
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

START_SECONDS = 60.0
"""After this the server has failed to start; it takes about one."""


@dataclass(frozen=True)
class ProjectsApiServer:
    """A running server, as its callers see it.

    `keys` has an API key for each of `owner`, `admin`, `editor`, `viewer` and `stranger`, by their
    role in the project `project_id`, which is empty where the seed has none.
    """

    base_url: str
    keys: dict[str, str]
    project_id: str

    @property
    def api_key(self) -> str:
        """The owner's key."""
        return self.keys["owner"]

    def headers(self, role: str = "owner") -> dict[str, str]:
        """Return the header that authenticates somebody with this role."""
        return {"Authorization": f"Bearer {self.keys[role]}"}

    def reset(self, clock: str | None = None) -> None:
        """Set everything back to the seed.

        Time begins at `clock`, such as `2026-03-01T00:00:00Z`, and each request moves it on by a
        second; without it time is as the option `projects_api_clock` says.
        """
        query = f"?{urlencode({'clock': clock})}" if clock else ""
        request = Request(  # noqa: S310 - the server's own URL
            f"{self.base_url}/_ephemeral/reset{query}", headers=self.headers(), method="POST"
        )
        # Whatever proxy the environment names: the server is on this machine.
        with build_opener(ProxyHandler({})).open(request, timeout=START_SECONDS):
            pass


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the server."""
    parser.addini(
        "projects_api_seed",
        "What the server holds: demo, empty, or the path of an exported archive.",
        default="demo",
    )
    parser.addini(
        "projects_api_clock",
        "Where the server's time begins, such as 2026-03-01T00:00:00Z; default: the real time.",
        default="",
    )


@pytest.fixture(scope="session")
def projects_api_session_server(pytestconfig: pytest.Config) -> Iterator[ProjectsApiServer]:
    """Return a server that is started once, and that no test sets back."""
    options = ["--seed", pytestconfig.getini("projects_api_seed")]
    if clock := pytestconfig.getini("projects_api_clock"):
        options += ["--clock", clock]
    with _serving(options) as server:
        yield server


@pytest.fixture
def projects_api_server(projects_api_session_server: ProjectsApiServer) -> ProjectsApiServer:
    """Return the server in the state of its seed."""
    projects_api_session_server.reset()
    return projects_api_session_server


@contextmanager
def _serving(options: list[str]) -> Iterator[ProjectsApiServer]:
    command = [sys.executable, "-m", "projects_api", "serve", "--ephemeral", "--print-env"]
    # It stops when the pipe to it ends, so even when this process is killed.
    command += ["--stop-with-stdin", "--host", "127.0.0.1", "--port", "0", *options]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603 - this package's own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # An interrupt from the keyboard is for the tests, which then stop the server.
            start_new_session=True,
        ) as process,
    ):
        yield _read(process, log)


def _read(process: subprocess.Popen[str], log: IO[str]) -> ProjectsApiServer:
    assert process.stdout
    patience = Timer(START_SECONDS, process.kill)
    patience.start()
    lines = dict(line.split("=", 1) for line in shlex.split(process.stdout.read()))
    patience.cancel()
    if "BASE_URL" not in lines:
        log.seek(0)
        raise RuntimeError(f"the Projects API server did not start:\n{log.read()}")
    prefix = "API_KEY_"
    keys = {
        name.removeprefix(prefix).lower(): value
        for name, value in lines.items()
        if name.startswith(prefix)
    }
    return ProjectsApiServer(lines["BASE_URL"], keys, lines.get("PROJECT_ID", ""))
