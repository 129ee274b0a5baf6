"""What the page about CI shows, and what the GitHub Action does, runs as it stands."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

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


def test_the_action_is_well_formed():
    schema = "vendor.github-actions"
    command = [COMMANDS / "check-jsonschema", "--builtin-schema", schema, ROOT / "action.yml"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    ((language, workflow),) = blocks("GitHub Actions")
    assert language == "yaml"
    used = yaml.safe_load(workflow)["jobs"]["test"]["steps"][1]["with"]
    assert set(used) <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])


def test_the_action_starts_a_server_for_the_steps_after_it(tmp_path):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    install, start = action["runs"]["steps"]
    assert "--require-hashes" in install["run"]
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
    }
    assert set(outputs) == set(action["outputs"])


def test_the_action_fails_with_the_servers_reason(tmp_path):
    _, start = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (tmp_path / "projects-api").mkdir()
    (tmp_path / "projects-api/bin").symlink_to(COMMANDS)
    with pytest.raises(AssertionError, match=r"nothing\.zip"):
        run(start["run"], tmp_path, RUNNER_TEMP=str(tmp_path), SEED="nothing.zip", PORT="0")
