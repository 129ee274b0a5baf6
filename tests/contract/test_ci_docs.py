"""What the page about CI shows, and what the GitHub Action does, runs as it stands."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from socket import socket

import psutil
import pytest
import requests
import yaml

from projects_api.contract.resolver import operations
from projects_api.openapi import contract

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/ci.md"
COMMANDS = Path(sys.executable).parent
PATIENCE = 240.0
needs_node = pytest.mark.skipif(shutil.which("npx") is None, reason="needs Node.js and npx")


def blocks(heading: str) -> list[tuple[str, str]]:
    """Give the language and the text of each block below a heading."""
    multiline = re.DOTALL | re.MULTILINE
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), multiline)
    return re.findall(r"^```(\w+)\n(.*?)^```", section, multiline)


def run(script: str, folder: Path, **variables: str) -> str:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**kept, "PATH": f"{COMMANDS}:{os.environ['PATH']}", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_section(heading: str, folder: Path) -> str:
    """Write the files that a section shows, then run its commands."""
    printed = ""
    for language, text in blocks(heading):
        if named := re.match(r"(?:#|//) (\S+)\n", text):
            (folder / named[1]).write_text(text)
        else:
            assert language == "sh"
            printed += run(text, folder)
    return printed


def test_from_any_shell(tmp_path):
    assert '"name":"Fraud Detection v2"' in run_section("From any shell", tmp_path)


def test_pytest(tmp_path):
    assert "4 passed" in run_section("pytest", tmp_path)


def test_journal(tmp_path):
    assert "1 passed" in run_section("What came: the journal", tmp_path)


def test_coverage(tmp_path):
    run_section("What came: the journal", tmp_path)
    run_section("pytest", tmp_path)
    printed = run_section("How much of the contract: coverage", tmp_path)
    # get_project, list_projects, create_project, update_project
    assert re.search(r"^operations +4 of", printed, re.MULTILINE), printed
    assert "create_project, request missing: description" in printed
    assert (tmp_path / "coverage.html").exists()
    assert (tmp_path / "coverage.xml").exists()


def test_fault_rules(tmp_path):
    printed = run_section("Set back, fail, repeat", tmp_path)
    assert printed.endswith("503\n200\n")


@needs_node
def test_node(tmp_path):
    assert re.search(r"^\S+ pass 3$", run_section("Node's test runner", tmp_path), re.MULTILINE)


def test_schemathesis(tmp_path):
    assert re.search(r"([0-9]+) generated, \1 passed", run_section("Schemathesis", tmp_path))


@needs_node
def test_newman(tmp_path):
    printed = run_section("Postman and newman", tmp_path)
    count = len(list(operations(contract())))
    assert re.search(rf"assertions │ +{count} │ +0 │", printed), printed


def check_schema(schema: str, file: Path) -> None:
    command = [COMMANDS / "check-jsonschema", "--builtin-schema", schema, file]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


def steps() -> dict[str, dict]:
    """Give the steps of the action by their names."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return {step["name"]: step for step in action["runs"]["steps"]}


def test_the_action_and_its_use_are_well_formed(tmp_path):
    check_schema("vendor.github-actions", ROOT / "action.yml")
    ((language, workflow),) = blocks("GitHub Actions")
    assert language == "yaml"
    (tmp_path / "workflow.yml").write_text("on: push\n" + workflow)
    check_schema("vendor.github-workflows", tmp_path / "workflow.yml")
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    used = yaml.safe_load(workflow)["jobs"]["test"]["steps"]
    assert set(used[1]["with"]) <= set(action["inputs"])
    named = re.findall(r"steps\.server\.outputs\.([\w-]+)", workflow)
    assert named
    assert set(named) <= set(action["outputs"])


@pytest.mark.parametrize(("extras", "lock"), [("", "core"), ("ml", "ml")])
def test_the_action_installs_the_lock_of_the_extras(tmp_path, extras, lock):
    output = tmp_path / "output"
    choose = steps()["Choose what to install"]["run"]
    run(choose, tmp_path, EXTRAS=extras, GITHUB_ACTION_PATH=str(ROOT), GITHUB_OUTPUT=str(output))
    told = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert told["lock"] == lock
    assert re.fullmatch(rf"projects-api-{lock}-[0-9a-f]{{64}}", told["key"])
    install = steps()["Install the server"]
    assert install["env"] == {"LOCK": "${{ steps.choose.outputs.lock }}"}
    assert '--require-hashes --requirement "$GITHUB_ACTION_PATH/locks/$LOCK.lock"' in install["run"]
    # What is cached is where pip puts it.
    cached = steps()["Cache what is downloaded"]["with"]["path"].rpartition("/")[2]
    assert f'PIP_CACHE_DIR="$RUNNER_TEMP/{cached}"' in install["run"]


def test_the_action_refuses_other_extras(tmp_path):
    choose = steps()["Choose what to install"]["run"]
    with pytest.raises(AssertionError, match="takes ml or nothing, and not mll"):
        run(choose, tmp_path, EXTRAS="mll", GITHUB_ACTION_PATH=str(ROOT))


def test_gitlab(tmp_path):
    ((language, text),) = blocks("GitLab CI")
    assert language == "yaml"
    (tmp_path / ".gitlab-ci.yml").write_text(text)
    check_schema("vendor.gitlab-ci", tmp_path / ".gitlab-ci.yml")
    job = yaml.safe_load(text)["test"]
    named = re.findall(r"projects-api/(locks/[\w.]+)", text)
    assert named
    assert all((ROOT / one).exists() for one in named)
    # The command is installed here already.
    lines = [line for line in job["before_script"] if not line.startswith("pip ")]
    assert len(lines) == 3
    stop = 'kill "$SERVER_PID"'
    printed = run("\n".join([*lines, f"trap '{stop}' EXIT", *job["script"]]), tmp_path)
    assert '"name":"Fraud Detection v2"' in printed
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (tmp_path / name).exists()


def test_testcontainers(tmp_path):
    """There is no Docker here: what the container runs does, and is read as the page reads it."""
    ((language, text),) = blocks("Docker and Testcontainers")
    assert language == "python"
    compile(text, "conftest.py", "exec")
    (command,) = re.findall(r'^COMMAND = "(.*)"$', text, re.MULTILINE)
    (variable,) = re.findall(r'with_env\("(\w+)", "true"\)', text)
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = command.replace("8888", port)
    script = f"{started} > printed 2> log & until grep -q SERVER_PID= printed; do sleep 0.1; done"
    run(script, tmp_path, **{variable: "true"})
    printed = (tmp_path / "printed").read_text()
    variables = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    server = psutil.Process(int(variables["SERVER_PID"]))
    try:
        headers = {"Authorization": f"Bearer {variables['API_KEY']}"}
        url = f"http://127.0.0.1:{port}/api/projects/{variables['PROJECT_ID']}"
        assert requests.get(url, headers=headers, timeout=PATIENCE).status_code == 200
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)


def test_the_action_starts_a_server_for_the_steps_after_it(tmp_path):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    start = steps()["Start the server"]
    (tmp_path / "projects-api").mkdir()
    (tmp_path / "projects-api/bin").symlink_to(COMMANDS)
    files = {name: tmp_path / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
    given = {name: each["default"] for name, each in action["inputs"].items()}
    printed = run(
        start["run"],
        tmp_path,
        RUNNER_TEMP=str(tmp_path),
        **{name: str(path) for name, path in files.items()},
        **{name.upper(): value for name, value in given.items()},
    )
    environment = dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
    server = psutil.Process(int(environment["SERVER_PID"]))
    try:
        answer = requests.get(
            f"{environment['BASE_URL']}/api/projects/{environment['PROJECT_ID']}",
            headers={"Authorization": f"Bearer {environment['API_KEY_VIEWER']}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 200
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    keys = {value for name, value in environment.items() if name.startswith("API_KEY")}
    assert set(re.findall(r"^::add-mask::(.*)$", printed, re.MULTILINE)) == keys
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    assert outputs == {
        "base-url": environment["BASE_URL"],
        "project-id": environment["PROJECT_ID"],
        "log": str(tmp_path / "projects-api.log"),
    }
    assert "request" in Path(outputs["log"]).read_text()
    assert set(outputs) == set(action["outputs"])


def test_the_action_fails_with_the_servers_reason(tmp_path):
    start = steps()["Start the server"]
    (tmp_path / "projects-api").mkdir()
    (tmp_path / "projects-api/bin").symlink_to(COMMANDS)
    with pytest.raises(AssertionError, match=r"nothing\.zip"):
        run(
            start["run"],
            tmp_path,
            RUNNER_TEMP=str(tmp_path),
            GITHUB_OUTPUT=str(tmp_path / "output"),
            SEED="nothing.zip",
            PORT="0",
        )
