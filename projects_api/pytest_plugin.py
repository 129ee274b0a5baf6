"""A pytest plugin: the fixture `projects_api_server` is a real server with known content.

It is installed with the package. Nothing of the server is imported here; it is a process of its
own, so that a test may replace clocks, sockets and libraries in this one.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

START_SECONDS = 60.0
"""After this the server has failed to start; it takes about one."""
_ANSWER_SECONDS = 120.0
"""More than the longest wait that the server's pages take."""
_MOST_LINES = 20
_MAIN = "main"


@dataclass(frozen=True)
class ProjectsApiServer:
    """A running server, as its callers see it.

    `keys` has an API key for each of `owner`, `admin`, `editor`, `viewer`, `stranger` and
    `operator`, by their role in the project `project_id`, which is empty where the seed has none.
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
        if role not in self.keys:
            raise ValueError(f"there is no role {role!r}: name one of {', '.join(self.keys)}")
        return {"Authorization": f"Bearer {self.keys[role]}"}

    def reset(self, clock: str | None = None, snapshot: str | None = None) -> None:
        """Set everything back to the seed, or to a snapshot that was taken.

        Time begins at `clock`, such as `2026-03-01T00:00:00Z`, and each request moves it on by a
        second; without it time is as the option `projects_api_clock` says, and goes on as it was
        after a snapshot.
        """
        self._send("POST", "reset", query={"clock": clock, "snapshot": snapshot})

    def take_snapshot(self, name: str) -> None:
        """Keep the present state under a name, which `reset` takes; no reset removes it."""
        self._send("POST", f"snapshots/{quote(name, safe='')}")

    def inject_fault(
        self,
        fault: str,
        *,
        operation: str | None = None,
        role: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next requests with a fault, such as `503`, `slow:2.5`, `drop` or `truncate`.

        It concerns an operation by its `operationId`, a role, both or, by default, any; `times`
        None is for as long as no reset comes.
        """
        rule = {"fault": fault, "operation": operation, "role": role, "times": times}
        self._send("POST", "faults", rule)

    def requests(self, *, wait: int = 0, seconds: float = 10, **wanted: Any) -> list[Any]:
        """Return the requests that have come since the reset, oldest first.

        `wanted` chooses them by `operation` (its `operationId`), `status`, `role`, `method` and
        `path`. With `wait` it returns once there are so many, or after so many seconds, at most 60.
        """
        found: list[Any] = self._journal(wait=wait, seconds=seconds, **wanted)["items"]
        return found

    def forget_requests(self) -> None:
        """Begin the journal of requests anew."""
        self._send("DELETE", "requests")

    def assert_called(
        self, operation: str, *, times: int | None = None, seconds: float = 0, **wanted: Any
    ) -> list[Any]:
        """Fail unless an operation was called so many times, by default at least once.

        `wanted` says which calls count, as for `requests`. With `seconds` the calls may still be on
        their way: it waits for so many of them, at most 60 seconds. Returns the calls.
        """
        __tracebackhide__ = True
        wait = 1 if times is None else times
        found = self._journal(operation=operation, wait=wait, seconds=seconds, **wanted)
        calls: list[Any] = found["items"]
        if len(calls) == times or (times is None and calls):
            return calls
        hoped = "at least once" if times is None else f"{times} times"
        which = "".join(f", {name} {value}" for name, value in wanted.items() if value is not None)
        lines = [f"{operation}{which}: {len(calls)} calls instead of {hoped}. What came:"]
        lines += [_line(each) for each in self.requests()[-_MOST_LINES:]] or ["nothing"]
        if found["forgotten"]:
            lines.append(f"{found['forgotten']} earlier requests are forgotten.")
        pytest.fail("\n".join(lines), pytrace=False)

    def coverage(self) -> Any:
        """Return what of the contract was exercised since the server was started."""
        return self._send("GET", "coverage")

    def _journal(self, **query: Any) -> Any:
        return self._send("GET", "requests", query=query)

    def _send(
        self, method: str, page: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Use one of the server's pages for tests; return what it answers."""
        values = (query or {}).items()
        given = urlencode({name: value for name, value in values if value is not None})
        request = Request(  # noqa: S310 - the server's own URL
            f"{self.base_url}/_ephemeral/{page}?{given}",
            data=None if body is None else json.dumps(body).encode(),
            headers={**self.headers(), "Content-Type": "application/json"},
            method=method,
        )
        try:
            # Whatever proxy the environment names: the server is on this machine.
            opener = build_opener(ProxyHandler({}))
            with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            raise ValueError(json.loads(error.read())["detail"]) from None


def _worker(config: pytest.Config) -> str:
    """Return the name of this worker of pytest-xdist."""
    worker: dict[str, str] = getattr(config, "workerinput", {})
    return worker.get("workerid", _MAIN)


def _line(entry: Any) -> str:
    query = f"?{entry['query']}" if entry["query"] else ""
    status = entry["status"] or "no answer"
    about = ", ".join(filter(None, (entry["operation"], entry["role"], entry["fault"])))
    return f"  {entry['method']} {entry['path']}{query} {status} ({about})"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the server."""
    parser.getgroup("projects_api").addoption(
        "--projects-api-coverage",
        metavar="FOLDER",
        help="Record what of the contract the tests exercise, for `projects-api coverage FOLDER`.",
    )
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


def pytest_configure(config: pytest.Config) -> None:
    """Remove the records of the run before; the workers of this one have written none yet."""
    folder = config.getoption("projects_api_coverage")
    if folder and _worker(config) == _MAIN:
        for record in Path(folder).glob("coverage-*.json"):
            record.unlink()


@pytest.fixture(scope="session")
def projects_api_session_server(pytestconfig: pytest.Config) -> Iterator[ProjectsApiServer]:
    """Return a server that is started once, and that no test sets back."""
    options = ["--seed", pytestconfig.getini("projects_api_seed")]
    if clock := pytestconfig.getini("projects_api_clock"):
        options += ["--clock", clock]
    with _serving(options) as server:
        yield server
        if folder := pytestconfig.getoption("projects_api_coverage"):
            record = Path(folder) / f"coverage-{_worker(pytestconfig)}.json"
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(server.coverage()), encoding="utf-8")


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
