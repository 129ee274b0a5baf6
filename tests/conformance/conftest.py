import contextlib
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn

from projects_api.conformance.judge import Judge
from projects_api.contract.resolver import operations
from projects_api.openapi import contract
from tests.support.processes import PATIENCE, Deployment, wait_until

OPERATIONS = len(list(operations(contract())))


@contextlib.contextmanager
def serving(application) -> Iterator[str]:
    """Serve an ASGI application while the block runs."""
    config = uvicorn.Config(application, port=0, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the server starts")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@dataclass
class Checked:
    """The command as a proxy: its address, and what it printed and how it ended."""

    url: str
    process: object
    status: int = -1
    lines: list[str] = field(default_factory=list)


@contextlib.contextmanager
def checking(folder, upstream: str, *options: str, name: signal.Signals = signal.SIGTERM):
    """Have the installed command stand before a server while the block runs."""
    output = folder / "check.out"
    with output.open("wb") as file:
        process = Deployment(folder).fork(
            "check", "--upstream", upstream, *options, output=file, errors=file
        )

    def address() -> re.Match[str] | None:
        assert process.poll() is None, output.read_text()
        return re.search(r"^BASE_URL=(.*)$", output.read_text(), re.MULTILINE)

    wait_until(address, "the proxy listens")
    found = address()
    assert found
    checked = Checked(found[1], process)
    try:
        yield checked
    finally:
        process.send_signal(name)
        checked.status = process.wait(PATIENCE)
        checked.lines = output.read_text().splitlines()[1:]


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge(contract())
