"""Clients that others' generators make from the contract, compiled and run against a live server.

Those that need only Python and Node.js run always (openapi-generator, which makes some of them, is
a Java program); `CLIENTS=all` in the environment adds the other languages.
"""

import base64
import csv
import json
import os
import re
from pathlib import Path

import pytest
import requests
from sklearn.datasets import load_iris

from projects_api.ephemeral.seed import PEOPLE
from projects_api.openapi import contract
from tests.contract import traffic
from tools import node_tools
from tools.clients.build import CLIENTS, SOURCE, TARGET, build, execute

ROOT = node_tools.ROOT
CONTRACT = contract()
DOCUMENT = (ROOT / "docs/clients.md").read_text()
ALL = os.environ.get("CLIENTS") == "all"
NEEDS_NODE = pytest.mark.skipif(
    bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip()
)

STORY = """\
model: DRF
one row: 1 73%
two rows: 1 0
422 /inputs/1/amount must be a finite number or null
created: Iris
updated: Iris flowers
found: 1 active
members: Alice Chen owner Bob Smith editor
uploaded: score 100
timeline: iris.csv 150 rows, 5 columns
downloaded: {size} bytes
exported: manifest.json iris.csv
experiment: queued 2 models 5 folds
deployed: production active
asked: 0
401 unauthenticated
403 insufficient-role
409 last-owner
422 not-a-table
deleted: true
404 project-not-found
"""

PYTHON_UPLOAD = r"file: Annotated\[Union\[StrictBytes, StrictStr, Tuple\[StrictStr, StrictBytes\]\]"
NAMES = {
    "python-openapi-client": {
        "api/projects/list_projects.py": [r"^def sync\(", r"-> Problem \| ProjectList \| None:"],
        "api/trained_models/predict.py": [r"-> PredictionList \| Problem \| None:"],
        "api/datasets/download_dataset.py": [r"-> File \| Problem \| None:"],
        "models/dataset_upload_form.py": [r"^    file: File$"],
        "models/timeline.py": [r"^    events: list\[DatasetEvent \| ExperimentEvent\]$"],
        "models/member_role.py": [r"^class MemberRole\(", r"^    EDITOR = "],
    },
    "python-openapi-generator": {
        "api/projects_api.py": [r"^class ProjectsApi:", r"^    def list_projects\("],
        "api/datasets_api.py": [PYTHON_UPLOAD, r"^    def download_dataset\([^>]*\) -> bytes:"],
        "api/trained_models_api.py": [r"^    def predict\([^>]*\) -> PredictionList:"],
        "models/project.py": [r"^class Project\("],
        "models/member_role.py": [r"^class MemberRole\(", r"^    EDITOR = "],
    },
    "typescript-openapi-fetch": {
        "client.d.ts": [
            r"^    list_projects: \{",
            r"^        FileContent: Blob;",
            r"^        MemberRole: ",
            r"^            inputs: unknown;",
            r"^            file: components\[.schemas.\]\[.FileContent.\];",
        ]
    },
    "typescript-openapi-generator": {
        "apis/ProjectsApi.ts": [r"^export class ProjectsApi ", r"^    async listProjects\("],
        "apis/DatasetsApi.ts": [
            r"^    file: Blob;",
            r"async downloadDataset\(.*<runtime.HttpFile>",
        ],
        "apis/TrainedModelsApi.ts": [r"async predict\(.*: Promise<PredictionList> \{"],
        "models/Project.ts": [r"^export interface Project \{"],
        "models/MemberRole.ts": [r"^export const MemberRole = ", r"^    Editor: 'editor'"],
    },
    "java": {
        "api/ProjectsApi.java": [
            r"^public class ProjectsApi ",
            r"  public ProjectList listProjects\(",
        ],
        "api/DatasetsApi.java": [
            r"public DatasetUpload uploadDataset\(.*\bFile _file\b",
            r"public File downloadDataset\(",
        ],
        "api/TrainedModelsApi.java": [r"  public PredictionList predict\("],
        "model/Prediction.java": [r"  public Map<String, Double> getProbabilities\("],
        "model/Project.java": [r"^public class Project "],
        "model/MemberRole.java": [r"^public enum MemberRole ", r"^  EDITOR\("],
    },
    "go": {
        "api_projects.go": [r"^func \(a \*ProjectsAPIService\) ListProjects\("],
        "api_datasets.go": [
            r"^func \(r ApiUploadDatasetRequest\) File\(file \*os\.File\)",
            r"^func \(r ApiDownloadDatasetRequest\) Execute\(\) \(\*os\.File,",
        ],
        "model_prediction.go": [r"^	Probabilities map\[string\]float64 "],
        "model_project.go": [r"^type Project struct"],
        "model_member_role.go": [
            r"^type MemberRole string",
            r"^	MEMBERROLE_EDITOR MemberRole = ",
        ],
        "go.mod": [r"^require \(\n\)$"],
    },
    "php": {
        "Api/ProjectsApi.php": [r"^class ProjectsApi$", r"^    public function listProjects\("],
        "Api/DatasetsApi.php": [
            r"@param  \\SplFileObject \$file ",
            r"@return \\SplFileObject\|",
        ],
        "Api/TrainedModelsApi.php": [r"^    public function predict\("],
        "Model/Project.php": [r"^class Project "],
        "Model/MemberRole.php": [r"^class MemberRole$", r"const EDITOR = "],
    },
}
"""What must stand in the generated code: by the end of a file's path, patterns of its lines."""

SNIPPETS = re.findall(r"^```(python|ts|java|go|php)\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
ARTIFICIAL = re.compile(r"inline|any_?of|one_?of|all_?of|inner|\d+$", re.IGNORECASE)
"""What generators call that which the contract gives no name."""
MODEL = re.compile(r"/models?/\w+\.|/model_\w+\.go$", re.IGNORECASE)
HELPERS = {"abstractopenapischema", "index", "init", "modelinterface"}


@pytest.fixture(scope="module", params=CLIENTS)
def client(request) -> str:
    """Each client in turn, generated and compiled."""
    name = request.param
    if not ALL and not name.startswith(("python", "typescript")):
        pytest.skip("CLIENTS=all runs it")
    if reason := CLIENTS[name].reason_to_skip():
        pytest.skip(reason)
    build(name)
    return name


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "iris.csv"
    iris = load_iris()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*iris.feature_names, "species"])
        for row, target in zip(iris.data.tolist(), iris.target, strict=True):
            writer.writerow([*row, iris.target_names[target]])
    return path


def tell(client: str, server, table: Path, url: str) -> str:
    """Run a client's programs against an ephemeral server, and give what they print."""
    told = execute(
        client,
        CLIENTS[client].run,
        BASE_URL=url,
        API_KEY=server.api_key,
        PROJECT_ID=server.project_id,
        COLLEAGUE_KEY=server.keys["editor"],
        COLLEAGUE_EMAIL=PEOPLE["editor"].email,
        DATASET=str(table),
    )
    return told.replace("True", "true")


def test_the_story_is_told(client, projects_api_server, table):
    told = tell(client, projects_api_server, table, projects_api_server.base_url)
    assert told == STORY.format(size=table.stat().st_size)


def test_names_are_natural(client):
    files = sorted(path for path in folder_of(client).rglob("*") if path.is_file())
    for end, patterns in NAMES[client].items():
        (text,) = [path.read_text() for path in files if path.as_posix().endswith(f"/{end}")]
        missing = [one for one in patterns if not re.search(one, text, re.MULTILINE)]
        assert not missing, end
    models = {path.stem.removeprefix("model_") for path in files if MODEL.search(path.as_posix())}
    assert not [name for name in models if ARTIFICIAL.search(name)]
    if "openapi-generator" in CLIENTS[client].generate:
        named = {
            name.lower()
            for name, schema in CONTRACT["components"]["schemas"].items()
            if schema.get("type") == "object" or "enum" in schema or "oneOf" in schema
            # A map is the language's own.
            if not isinstance(schema.get("additionalProperties"), dict)
        }
        # A form is spelled out as the arguments of its operation.
        named = {name for name in named if not name.endswith("form")}
        assert {name.replace("_", "").lower() for name in models} - HELPERS == named


def folder_of(client: str) -> Path:
    return TARGET / client / ("client" if client != "typescript-openapi-fetch" else "")


@NEEDS_NODE
def test_others_find_no_fault_with_the_answers(client, projects_api_server, table, tmp_path):
    if not ALL and client != "python-openapi-client":
        pytest.skip("CLIENTS=all asks about its traffic too")
    server = projects_api_server
    with traffic.recording(server.base_url) as (url, entries):
        tell(client, server, table, url)
    assert len(entries) >= STORY.count("\n")
    assert traffic.prism_violations(entries) == []
    found = traffic.drift(traffic.write_har(entries, tmp_path / "story.har"), server.base_url)
    assert found == {"request": [], "response": []}


@NEEDS_NODE
def test_others_find_the_fault_in_a_false_answer(projects_api_server, tmp_path):
    server = projects_api_server
    with traffic.recording(server.base_url) as (url, entries):
        requests.get(f"{url}/api/projects", headers=server.headers(), timeout=60)
    content = entries[0]["response"]["content"]
    content["text"] = base64.b64encode(b'{"items": [], "total": 0, "limit": 50}').decode()
    (violation,) = traffic.prism_violations(entries)
    assert "offset" in violation
    found = traffic.drift(traffic.write_har(entries, tmp_path / "false.har"), server.base_url)
    assert ["offset" in finding for finding in found["response"]] == [True]


LANGUAGES = {"python": ".py", "ts": ".ts", "java": ".java", "go": ".go", "php": ".php"}


@pytest.mark.parametrize(("language", "snippet"), SNIPPETS)
def test_snippets_are_taken_from_the_stories(language, snippet):
    stories = [path for path in SOURCE.rglob(f"*{LANGUAGES[language]}") if path.is_file()]
    assert any(unindented(snippet) in unindented(path.read_text()) for path in stories)


@pytest.mark.parametrize("name", CLIENTS)
def test_the_program_that_predicts_is_shown_whole(name):
    (program,) = (path for path in (SOURCE / name).rglob("[Pp]redict.*") if path.is_file())
    assert program.read_text() in {snippet for _, snippet in SNIPPETS}


def test_what_the_programs_print_is_shown():
    (printed,) = re.findall(r"same:\n\n```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert STORY.startswith(printed)


def test_commands_are_those_that_make_the_clients():
    (*shown,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    commands = {client.generate.replace("$CONTRACT", "openapi.yaml") for client in CLIENTS.values()}
    # What runs a program is pasted by tests/pages/test_clients_page.py.
    others = ("pip install ", "npm ", "npx tsc ", "node out/", "PYTHONPATH=", "set -a", "eval ")
    for line in "".join(shown).splitlines():
        if not line.startswith(others):
            assert any(command.startswith(line) for command in commands), line


def test_the_shown_settings_of_the_compiler_are_the_storys():
    (shown,) = re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    used = json.loads((SOURCE / "typescript-openapi-fetch/tsconfig.json").read_text())
    assert json.loads(shown) == {**used, "files": ["predict.ts"]}


def unindented(text: str) -> str:
    return re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE)
