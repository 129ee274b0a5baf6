"""The documented workflows, executed step by step against a running server."""

import json

import pytest
import yaml

from projects_api.jobs.worker import Workers
from projects_api.settings import Settings
from tests.conftest import running
from tools import node_tools

pytestmark = pytest.mark.skipif(
    bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip()
)
WORKFLOWS = node_tools.ROOT / "docs" / "workflows.arazzo.yaml"
STEPS = {
    (workflow["workflowId"], step["stepId"])
    for workflow in yaml.safe_load(WORKFLOWS.read_text())["workflows"]
    for step in workflow["steps"]
}


@pytest.fixture
def working(new_database_url, tmp_path):
    """A server with a worker, where nobody else's jobs wait."""
    settings = Settings(
        _env_file=None,
        database_url=new_database_url,
        data_dir=tmp_path / "data",
        job_poll_seconds=0.1,
    )
    with running(settings) as server, Workers(settings, 1):
        yield server


def execute(tmp_path, person, colleague):
    """Let Redocly run the workflows, and give its exit code, its output and each check."""
    report = tmp_path / "report.json"
    run = node_tools.run(
        "redocly",
        *("respect", WORKFLOWS, "--json-output", report),
        *("--server", f"projects_api={person.server.url}"),
        *("--input", f"api_key={person.key}"),
        *("--input", f"colleague_email={colleague.email}"),
        *("--severity", "SCHEMA_CHECK=warn"),
    )
    (file,) = json.loads(report.read_text())["files"].values()
    checks = [
        (step["workflowId"], step["stepId"], check)
        for workflow in file["executedWorkflows"]
        for step in workflow["executedSteps"]
        for check in step["checks"]
    ]
    return run.returncode, run.stdout + run.stderr, checks


def test_every_workflow_runs_to_its_end(working, tmp_path):
    alice, bob = working.person("Alice Chen"), working.person("Bob Smith")
    code, output, checks = execute(tmp_path, alice, bob)
    assert code == 0, output
    assert {(workflow, step) for workflow, step, _ in checks} == STEPS
    # Redocly takes the bytes of an archive for an object, and so for no string.
    failed = {(step, check["name"]) for _, step, check in checks if not check["passed"]}
    # A training takes seconds, so that its status was asked for more than once.
    waiting = ("await_experiment", "success criteria check")
    assert failed == {("export_project", "schema check"), waiting}
    assert alice.get("/api/projects").json()["total"] == 0
    assert bob.get("/api/projects").json()["total"] == 1


def test_a_step_that_fails_is_told(server, tmp_path):
    owner = server.person()
    reader = server.anonymous()
    reader.key = server.key(owner.user_id, scopes=("read",))
    code, _, checks = execute(tmp_path, reader, server.person())
    assert code == 1
    assert "success criteria check" in {
        check["name"] for *_, check in checks if not check["passed"]
    }
