"""The code samples of the page /docs: each says what the contract's example does, and runs."""

import ast
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests

from projects_api.app.pages.samples import code_samples
from projects_api.openapi import contract

SAMPLES = code_samples(contract())
PATIENCE = 120
RUN = (
    *("create_project", "update_project", "list_members", "upload_dataset", "list_datasets"),
    *("get_dataset_columns", "download_dataset", "export_project", "list_people", "check_liveness"),
)
"""Of each kind: a JSON body, a form with a file, a query, a file as the answer, no key at all."""
CSV = b"amount,is_fraud\n12.50,0\n980.00,1\n"


def declared() -> dict[str, tuple[str, str, dict]]:
    """Give method, path and operation by the operation's id."""
    return {
        operation["operationId"]: (method, path, operation)
        for path, item in contract()["paths"].items()
        for method, operation in item.items()
        if "operationId" in operation
    }


def arguments_of_curl(sample: str) -> list[str]:
    """Have a shell read the sample, with a curl that prints what it is given."""
    done = subprocess.run(
        ["bash", "-euc", f"curl() {{ printf '%s\\0' \"$@\"; }}\n{sample}"],
        env={"BASE_URL": "http://host", "API_KEY": "key", "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout.decode().split("\0")[:-1]


def sent_by_python(sample: str, folder: Path, monkeypatch) -> requests.PreparedRequest:
    """Have Python run the sample up to what it would send."""
    sent: list[requests.PreparedRequest] = []

    def keep(_session, request, **_options):
        sent.append(request)
        empty = SimpleNamespace(raise_for_status=lambda: None, json=dict, content=b"")
        return SimpleNamespace(**vars(empty), status_code=200)

    monkeypatch.setattr(requests.Session, "send", keep)
    monkeypatch.setenv("BASE_URL", "http://host")
    monkeypatch.setenv("API_KEY", "key")
    monkeypatch.chdir(folder)
    exec(compile(sample, "sample", "exec"), {})
    (request,) = sent
    return request


def test_each_operation_has_all_languages():
    assert SAMPLES.keys() == declared().keys()
    assert {tuple(one) for one in SAMPLES.values()} == {("curl", "Python", "TypeScript")}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_sends_the_example_of_the_contract(name, tmp_path, monkeypatch):
    method, path, operation = declared()[name]
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        value = next(iter(media["examples"].values()))["value"]
        break
    given = arguments_of_curl(SAMPLES[name]["curl"])
    files = [one.partition("=@")[2] for one in given if "=@" in one]
    for file in files:
        (tmp_path / file).write_bytes(b"content")
    request = sent_by_python(SAMPLES[name]["Python"], tmp_path, monkeypatch)
    (url,) = (one for one in given if one.startswith("http://host"))
    assert request.url == url
    assert request.method == method.upper()
    said = given[given.index("--request") + 1] if "--request" in given else None
    has_body = "--json" in given or "--form" in given or "--form-string" in given
    assert (said or ("POST" if has_body else "GET")) == method.upper()
    parts = urlsplit(url).path.split("/")
    wanted = path.split("/")
    assert len(parts) == len(wanted)
    assert all(a == b or b.startswith("{") for a, b in zip(parts, wanted, strict=True))
    has_key = operation.get("security") != []
    assert (request.headers.get("Authorization") == "Bearer key") is has_key
    assert ("Authorization: Bearer key" in given) is has_key
    if "application/json" in content:
        assert json.loads(given[given.index("--json") + 1]) == value
        assert json.loads(request.body) == value
    elif content:
        texts = {
            one.partition("=")[0]: one.partition("=")[2]
            for before, one in pairwise(given)
            if before == "--form-string"
        }
        assert len(files) == 1
        assert texts == {field: text for field, text in value.items() if field != "file"}
        for text in (*texts.values(), *files, "content"):
            assert text.encode() in request.body
    else:
        assert request.body is None
        assert not has_body


@pytest.fixture
def environment(projects_api_server, tmp_path):
    """A folder with what samples upload, and the variables that they read."""
    (tmp_path / "transactions.csv").write_bytes(CSV)
    keys = projects_api_server.keys

    def of(name: str) -> dict[str, str]:
        key = keys["operator" if name == "list_people" else "owner"]
        known = {one: os.environ[one] for one in ("PATH", "HOME") if one in os.environ}
        return {**known, "BASE_URL": projects_api_server.base_url, "API_KEY": key}

    return of


COMMANDS = {
    "curl": ["bash", "-euo", "pipefail", "-c"],
    "Python": [sys.executable, "-c"],
    "TypeScript": ["node", "--input-type=module", "-e"],
}


@pytest.mark.parametrize("language", COMMANDS)
@pytest.mark.parametrize("name", RUN)
def test_a_sample_runs(projects_api_server, environment, tmp_path, name, language):
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run(
        [*command, SAMPLES[name][language]],
        cwd=tmp_path,
        env=environment(name),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    def ask(path: str) -> requests.Response:
        key = {"Authorization": f"Bearer {environment(name)['API_KEY']}"}
        return requests.get(projects_api_server.base_url + path, headers=key, timeout=PATIENCE)

    (saved, *_) = [*tmp_path.glob("answer.*"), None]
    if name == "download_dataset":
        assert saved is not None
        assert saved.name == "answer.csv"
        assert saved.read_bytes().count(b"\n") > 1
    elif name == "export_project":
        assert saved is not None
        assert saved.name == "answer.zip"
        assert saved.read_bytes().startswith(b"PK")
    elif name == "create_project":
        (made,) = ask("/api/projects?search=Churn").json()["items"]
        assert made["id"] in done.stdout
        assert made["description"] == "Telco customer churn"
    elif name == "upload_dataset":
        project = "019c46c7-6a80-7b1e-9d3a-5f0c8e2a4b16"
        (newest, *_) = ask(f"/api/datasets?project_id={project}").json()["items"]
        assert newest["id"] in done.stdout
        assert ask(f"/api/datasets/{newest['id']}/download").content == CSV
    elif name == "update_project":
        assert "Fraud Detection v2" in done.stdout
    else:
        # What the page shows prints what the server answers, whoever asks.
        said = ast.literal_eval if language == "Python" else json.loads
        (url,) = (one for one in arguments_of_curl(SAMPLES[name]["curl"]) if "//host" in one)
        assert said(done.stdout) == ask(url.removeprefix("http://host")).json()
