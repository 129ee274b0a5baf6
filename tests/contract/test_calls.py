"""Clients of further generators: made, compiled, and asked twice against a live server.

`CLIENTS=all` runs them all. Otherwise the generated Ruby is parsed, where Java and Ruby are.
"""

import os
import subprocess

import pytest

from tools.clients.build import TARGET, execute
from tools.clients.calls import CALLERS, build

ALL = os.environ.get("CLIENTS") == "all"
TOLD = """\
1 Fraud Detection v2
404 urn:projects-api:problem:project-not-found
"""


@pytest.fixture(scope="module", params=CALLERS)
def caller(request) -> str:
    name = request.param
    if not ALL and name != "ruby":
        pytest.skip("CLIENTS=all runs it")
    if reason := CALLERS[name].reason_to_skip():
        pytest.skip(reason)
    build(name)
    return name


def test_it_asks_and_is_answered(caller, projects_api_server):
    if (
        caller == "ruby"
        and subprocess.run(["ruby", "-e", "require 'typhoeus'"], check=False).returncode
    ):
        pytest.skip("no typhoeus here; Debian brings it with apt install ruby-typhoeus")
    server = projects_api_server
    told = execute(caller, CALLERS[caller].run, BASE_URL=server.base_url, API_KEY=server.api_key)
    assert told == TOLD


def test_a_fault_in_a_generated_file_is_found(caller):
    is_ruby = caller == "ruby"
    files = (TARGET / caller).rglob("*.rb" if is_ruby else "client*/**/*.ts")
    path = next((one for one in files if "client" in one.parts), TARGET / caller / "client.ts")
    whole = path.read_text()
    path.write_text(whole + ("\ndef broken(\n" if is_ruby else "\nexport const broken: = 1;\n"))
    try:
        with pytest.raises(RuntimeError, match=r"broken|syntax|error"):
            execute(caller, CALLERS[caller].compile)
    finally:
        path.write_text(whole)
