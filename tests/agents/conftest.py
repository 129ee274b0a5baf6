import os
import re
import signal
from contextlib import asynccontextmanager

import httpx2
import pytest
import requests
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.support.processes import COMMAND, PATIENCE, Deployment, wait_until


@pytest.fixture(scope="session")
def running_standin(tmp_path_factory):
    """The stand-in with its seed and `/mcp`: its address and the keys of its roles."""
    folder = tmp_path_factory.mktemp("agents")
    output, log = folder / "out", folder / "log"
    options = ("serve", "--ephemeral", "--print-env", "--port", "0")
    with output.open("wb") as stdout, log.open("wb") as stderr:
        process = Deployment(folder).fork(
            *options, output=stdout, errors=stderr, PROJECTS_API_MCP="true"
        )

    def told() -> bool:
        assert process.poll() is None, log.read_text()
        return "SERVER_PID=" in output.read_text()  # the last line

    wait_until(told, "the stand-in starts")
    found = dict(re.findall(r"^(\w+)='?([^'\n]*)'?$", output.read_text(), re.MULTILINE))
    yield found
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


@pytest.fixture
def standin(running_standin):
    """The stand-in in the state of its seed."""
    requests.post(
        f"{running_standin['BASE_URL']}/_ephemeral/reset",
        headers={"Authorization": f"Bearer {running_standin['API_KEY']}"},
        timeout=PATIENCE,
    ).raise_for_status()
    return {**running_standin, "API_KEY": operators_key(running_standin)}


def operators_key(standin: dict[str, str]) -> str:
    """Have the server's operator make a key with all scopes for the owner of the project."""
    people = f"{standin['BASE_URL']}/api/admin/people"
    options = {
        "headers": {"Authorization": f"Bearer {standin['API_KEY_OPERATOR']}"},
        "timeout": PATIENCE,
    }
    found = requests.get(people, params={"search": "alice@"}, **options).json()["items"]
    body = {"name": "agent", "scopes": ["admin", "predict", "read", "write"]}
    made = requests.post(f"{people}/{found[0]['id']}/keys", json=body, **options)
    return made.json()["secret"]


@asynccontextmanager
async def over_stdio(url: str, key: str):
    environment = {"PATH": os.environ["PATH"], "BASE_URL": url, "API_KEY": key}
    command = StdioServerParameters(command=str(COMMAND), args=["mcp"], env=environment)
    async with Client(command) as client:
        yield client


@asynccontextmanager
async def over_http(url: str, key: str):
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield client


TRANSPORTS = {"stdio": over_stdio, "http": over_http}


@pytest.fixture(params=sorted(TRANSPORTS))
def transport(request):
    return TRANSPORTS[request.param]
