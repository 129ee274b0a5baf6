"""The installed command in processes of its own, for what a server in a thread cannot show."""

import itertools
import json
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

import psutil
import requests

from projects_api.app.services import Services
from projects_api.settings import Settings
from tests.conftest import Person, Server
from tests.support.forking import Forked, forker

COMMAND = Path(sys.executable).with_name("projects-api")
PATIENCE = 120.0
"""Seconds to wait for what must happen; far more than it takes, so that no load breaks a test."""
OPEN = 0o022
"""As most people's shells have it: what keeps others out is the commands' own doing."""

_numbers = itertools.count(1)


def wait_until(happened: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a moment that comes by itself."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Process:
    """A server that was started with `projects-api serve`."""

    deployment: "Deployment"
    popen: Forked
    output: Path
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self) -> Server:
        """What the helpers for people take, over this process's URL and its very database."""
        services = self.deployment.services
        kind = services.database.engine.dialect.name
        return Server(self.url, services.settings, services, kind)

    @property
    def ps(self) -> psutil.Process:
        return psutil.Process(self.popen.pid)

    def lines(self, event: str | None = None) -> list[dict]:
        """Give the log, which must be JSON throughout but for what Python itself warns of."""
        text = self.log.read_text()
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in found if event in {None, line["event"]}]

    def has_started(self) -> bool:
        assert self.popen.poll() is None, self.log.read_text()
        try:
            answer = requests.get(f"{self.url}/health/live", timeout=PATIENCE)
        except requests.ConnectionError:
            return False
        return answer.status_code == 200

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def wait(self) -> int:
        return self.popen.wait(PATIENCE)

    def stop(self) -> int:
        """Ask it to end; give its exit status."""
        self.terminate()
        return self.wait()


@dataclass
class Deployment:
    """An installation: a folder to run in, and the environment that its commands get."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        # The last one where the tests are not those of the package that is installed.
        names = ("PATH", "HOME", "LANG", "PYTHONPATH")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        return {**kept, **self.variables}

    @cached_property
    def services(self) -> Services:
        """The insides, for what no request and no command can show."""
        fields = {
            name.removeprefix("PROJECTS_API_").lower(): value
            for name, value in self.variables.items()
        }
        return Services.from_settings(
            Settings(_env_file=None, **{"data_dir": self.folder / "data", **fields})
        )

    def close(self) -> None:
        """Close what was opened of the insides."""
        if "services" in vars(self):
            self.services.close()

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command to its end; give what it printed, errors included."""
        with tempfile.TemporaryFile() as output:
            done = self.fork(*arguments, output=output, errors=output)
            try:
                found = done.wait(2 * PATIENCE)
            finally:
                done.kill()
            output.seek(0)
            printed = output.read().decode()
        assert found == status, printed
        assert "Traceback" not in printed, printed
        return printed

    def fork(
        self, *arguments: str, output: IO[bytes], errors: IO[bytes], **variables: str
    ) -> Forked:
        """Start a command; further variables of its environment by their names."""
        return forker().start(
            list(arguments),
            folder=self.folder,
            environment={**self.environment, **variables},
            umask=OPEN,
            output=output,
            errors=errors,
        )

    @contextmanager
    def serve(self, *options: str, **variables: object) -> Iterator[Process]:
        """Serve while the block runs; further settings by their names in lower case."""
        process = self.start(*options, **variables)
        try:
            wait_until(process.has_started, "the server starts")
            yield process
        finally:
            if process.popen.poll() is None:
                process.stop()

    def start(self, *options: str, **variables: object) -> Process:
        port, number = free_port(), next(_numbers)
        output, log = self.folder / f"{number}.out", self.folder / f"{number}.log"
        extra = {f"PROJECTS_API_{name.upper()}": str(value) for name, value in variables.items()}
        with output.open("wb") as stdout, log.open("wb") as stderr:
            arguments = ("serve", "--port", str(port), *options)
            popen = self.fork(*arguments, output=stdout, errors=stderr, **extra)
        return Process(self, popen, output, log, port)


def upload_pieces(
    person: Person, project_id: str, pieces: Iterable[bytes], name: str = "pieces.csv"
) -> requests.Response:
    """Upload a file whose length nobody knows ahead."""
    fields = {"project_id": project_id, "name": name}
    head = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    )
    head += '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = itertools.chain([head.encode()], pieces, [b"\r\n--x--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return person.post("/api/datasets/upload", data=body, headers=headers)


def person_of(process: Process) -> Person:
    """Give the first user with the key that the first start printed."""
    (key,) = re.findall(r"^API_KEY=(.*)$", process.output.read_text(), re.MULTILINE)
    return Person(process.server, "", "admin@example.com", key)
