"""The pytest plugin as its users have it: installed, in runs of pytest of their own."""

import json
import signal
import subprocess
import sys
from importlib.metadata import entry_points

import psutil
import pytest

from projects_api.pytest_plugin import ProjectsApiServer
from tests.support.processes import PATIENCE, wait_until

pytest_plugins = ["pytester"]

REQUEST = """
import json
import os
import urllib.request
from pathlib import Path


def send(server, method, path, role="owner", body=None):
    request = urllib.request.Request(
        server.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={**server.headers(role), "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

"""


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(REQUEST + tests)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", *options)


def test_each_test_begins_with_the_seed_on_one_server(pytester):
    result = run(
        pytester,
        """
def test_one(projects_api_server, projects_api_session_server):
    assert projects_api_server is projects_api_session_server
    made = send(projects_api_server, "POST", "/api/projects", body={"name": "More"})
    assert made["project"]["name"] == "More"
    assert send(projects_api_server, "GET", "/api/projects")["total"] == 2
    Path("address").write_text(projects_api_server.base_url)


def test_two(projects_api_server):
    assert projects_api_server.base_url == Path("address").read_text()
    assert send(projects_api_server, "GET", "/api/projects")["total"] == 1
    assert send(projects_api_server, "GET", "/api/projects", "stranger")["total"] == 0
    project = send(projects_api_server, "GET", f"/api/projects/{projects_api_server.project_id}")
    assert project["project"]["name"] == "Fraud Detection v2"
    assert projects_api_server.api_key == projects_api_server.keys["owner"]
    roles = {"owner", "admin", "editor", "viewer", "stranger", "operator"}
    assert set(projects_api_server.keys) == roles
""",
    )
    result.assert_outcomes(passed=2)


def test_seed_and_clock_are_options(pytester):
    pytester.makeini(
        "[pytest]\nprojects_api_seed = empty\nprojects_api_clock = 2026-03-01T00:00:00Z\n"
    )
    result = run(
        pytester,
        """
def test_made(projects_api_server):
    assert projects_api_server.project_id == ""
    made = [send(projects_api_server, "POST", "/api/projects", body={"name": "A"})]
    projects_api_server.reset(clock="2030-01-01T00:00:00+01:00")
    made += [send(projects_api_server, "POST", "/api/projects", body={"name": "A"})]
    projects_api_server.reset()
    made += [send(projects_api_server, "POST", "/api/projects", body={"name": "A"})]
    moments = [one["project"]["created_at"] for one in made]
    assert moments == ["2026-03-01T00:00:00Z", "2029-12-31T23:00:00Z", "2026-03-01T00:00:00Z"]
    assert made[0] == made[2]
""",
    )
    result.assert_outcomes(passed=1)


def test_coverage_is_recorded_across_resets(pytester):
    (pytester.path / "records").mkdir()
    (pytester.path / "records/coverage-gw7.json").write_text("of the run before")
    result = run(
        pytester,
        """
def test_one(projects_api_server):
    send(projects_api_server, "GET", "/api/projects")


def test_two(projects_api_server):
    send(projects_api_server, "POST", "/api/projects", body={"name": "A"})
""",
        "--projects-api-coverage=records",
    )
    result.assert_outcomes(passed=2)
    (record,) = (pytester.path / "records").iterdir()
    assert record.name == "coverage-main.json"
    found = json.loads(record.read_text())["operations"]
    assert {name: one["calls"] for name, one in found.items()} == {
        "list_projects": 1,
        "create_project": 1,
    }


def test_a_server_that_does_not_start_says_why(pytester):
    pytester.makeini("[pytest]\nprojects_api_seed = nothing.zip\n")
    result = run(pytester, "def test_any(projects_api_server):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the Projects API server did not start:*", "*nothing.zip*"])


def test_it_works_beside_a_proxy_and_other_settings(pytester, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("PROJECTS_API_HOST", "0.0.0.0")
    monkeypatch.setenv("PROJECTS_API_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    result = run(pytester, "def test_any(projects_api_server):\n    projects_api_server.reset()\n")
    result.assert_outcomes(passed=1)


def test_the_server_ends_with_the_tests_even_when_they_are_killed(pytester):
    pytester.makepyfile("import time\n\ndef test_long(projects_api_server):\n    time.sleep(600)\n")
    tests = subprocess.Popen([sys.executable, "-m", "pytest", "-p", "no:xdist"], cwd=pytester.path)
    try:
        wait_until(lambda: psutil.Process(tests.pid).children(), "the server starts")
        (server,) = psutil.Process(tests.pid).children()
        wait_until(lambda: server.net_connections(kind="tcp"), "the server listens")
        tests.send_signal(signal.SIGKILL)
        server.wait(PATIENCE)
    finally:
        tests.kill()
        tests.wait(PATIENCE)


def test_it_is_installed_and_costs_nothing_until_it_is_used():
    (found,) = entry_points(group="pytest11", name="projects_api")
    heavy = ("connexion", "sqlalchemy", "uvicorn", "projects_api.app", "projects_api.models")
    script = f"import sys, {found.value}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_a_role_that_there_is_not_is_told_with_those_that_there_are():
    server = ProjectsApiServer("http://localhost", {"owner": "o", "viewer": "v"}, "")
    assert server.headers("viewer") == {"Authorization": "Bearer v"}
    with pytest.raises(ValueError, match="no role 'king': name one of owner, viewer"):
        server.headers("king")
