"""No accidental break: what would break callers of the released contract is found."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from projects_api.openapi import contract
from tools import check_breaks, node_tools
from tools.check_breaks import CONTRACT, RELEASED, breaks, is_announced

pytestmark = pytest.mark.skipif(
    bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip()
)
BASE = contract()
ALL = "/api/projects"
ONE = "/api/projects/{project_id}"
DOWNLOAD = "/api/datasets/{dataset_id}/download"
PATHS = BASE["paths"]
SCHEMAS = BASE["components"]["schemas"]
METRIC = ("components", "schemas", "ExperimentConfig", "properties", "sort_metric")
NAME = SCHEMAS["Name"]["pattern"]
OWNER = {
    "name": "owner",
    "in": "query",
    "required": True,
    "description": "New, and asked of everybody.",
    "schema": {"type": "string", "maxLength": 3},
}


BREAKS = [
    (("paths", f"{ONE}/export"), None, f"Path `{ONE}/export` was removed"),
    (("paths", ONE, "put"), None, f"Operation `PUT {ONE}` was removed"),
    (("paths", ONE, "get", "operationId"), "fetch_project", "`operationId`"),
    (("paths", ONE, "get", "tags"), ["members"], "by the tag"),
    (
        ("paths", ALL, "get", "parameters"),
        [*PATHS[ALL]["get"]["parameters"], OWNER],
        "Required `owner`",
    ),
    (
        ("components", "parameters", "Limit", "required"),
        True,
        "`limit` query parameter became required",
    ),
    (("components", "parameters", "Limit", "schema", "maximum"), 100, "'<= 100'"),
    (
        ("components", "parameters", "Limit", "schema", "default"),
        10,
        "parameters/0/schema: another default",
    ),
    (("components", "schemas", "ProjectSortField", "enum"), ["name"], "lost values"),
    (
        ("components", "schemas", "ProjectCreate", "required"),
        ["name", "description"],
        "`ProjectCreate` became required: `description`",
    ),
    (
        ("components", "schemas", "Project", "properties", "status"),
        None,
        "`status` of `Project` was removed",
    ),
    (
        ("components", "schemas", "Project", "required"),
        SCHEMAS["Project"]["required"][:-1],
        "no longer required",
    ),
    (
        ("components", "schemas", "Project", "properties", "dataset_count", "type"),
        "string",
        "Type of `dataset_count` widened",
    ),
    (("components", "schemas", "RequestId", "nullable"), True, "'string | null'"),
    (
        (*METRIC, "allOf", 0),
        {"$ref": "#/components/schemas/ExperimentEngine"},
        "Enum of `sort_metric` was set",
    ),
    (("components", "schemas", "Name", "pattern"), NAME.replace("\u00a0", r"\xa1"), "`pattern`"),
    (("paths", ALL, "post", "responses", "409"), None, "`409` was removed"),
    (
        ("paths", DOWNLOAD, "get", "responses", "200", "content", "text/csv"),
        None,
        "`text/csv` was removed",
    ),
    (("paths", ALL, "post", "responses", "201", "headers", "Location"), None, "`Location`"),
    (("paths", "/health/live", "get", "security"), None, "authentication is newly required"),
    (("components", "securitySchemes", "ApiKey", "scheme"), "basic", "security scheme"),
    (("paths", ONE, "get", "x-required-scope"), "write", "read became write"),
]
OVERLAPPING_BREAKS = [
    (
        ("components", "schemas", "ProjectCreate", "properties", "description"),
        None,
        "`description` of `ProjectCreate`",
    ),
    (("components", "schemas", "ProjectStatus", "enum"), ["active", "gone"], "gained values"),
    ((*METRIC, "default"), "auc", "sort_metric: another default"),
    (("paths", ONE, "put", "x-required-role"), "admin", "editor became admin"),
]
"""What touches the same place as one of the others."""
Change = tuple[tuple[str | int, ...], Any]


def found_with(changes: Sequence[Change], folder: Path) -> list[str]:
    """Change members of the contract, or remove those with `None`, and give the breaks."""
    contract = copy.deepcopy(BASE)
    for (*path, key), value in changes:
        holder = contract
        for step in path:
            holder = holder[step]
        if value is None:
            del holder[key]
        else:
            holder[key] = value
    revision = folder / "revision.json"
    revision.write_text(json.dumps(contract))
    return breaks(CONTRACT, revision)


def test_the_contract_keeps_what_was_released():
    assert check_breaks.main() == 0, breaks(RELEASED, CONTRACT)


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[str]:
    """Give what is found of all changes, which are compared together, for that takes a second."""
    folder = tmp_path_factory.mktemp("breaks")
    return [
        one
        for together in (BREAKS, OVERLAPPING_BREAKS)
        for one in found_with([change[:2] for change in together], folder)
    ]


@pytest.mark.parametrize("message", [change[2] for change in (*BREAKS, *OVERLAPPING_BREAKS)])
def test_a_break_is_found(found, message):
    assert [one for one in found if message in one], found


def test_a_schema_that_was_renamed(tmp_path):
    revision = tmp_path / "revision.yaml"
    text = CONTRACT.read_text()
    revision.write_text(text.replace("schemas/Timeline'", "schemas/History'"))
    revision.write_text(revision.read_text().replace("    Timeline:\n", "    History:\n"))
    assert breaks(CONTRACT, revision) == [
        "#/components/schemas/Timeline: clients name a class by it"
    ]


def test_other_changes_are_none(tmp_path):
    changes = [
        (("info", "version"), "0.2.0"),
        ((*METRIC, "maxLength"), None),
        (("paths", ALL, "get", "summary"), "List your projects"),
        (("paths", ONE, "put", "x-required-role"), "viewer"),
        (("paths", ONE, "get", "security"), []),
        (("components", "schemas", "Name", "pattern"), NAME.replace("\u00a0", r"\xa0")),
        (
            ("components", "schemas", "ProjectUpdate", "properties", "colour"),
            {"type": "string", "maxLength": 9},
        ),
        (("paths", "/api/colours"), {"get": {**PATHS[ALL]["get"], "operationId": "list_colours"}}),
    ]
    assert found_with(changes, tmp_path) == []


def test_an_empty_array_may_go_unsaid_and_no_other_default(tmp_path):
    def change(default):
        contract = copy.deepcopy(BASE)
        contract["components"]["schemas"]["ExperimentCreate"]["properties"]["engines"] |= default
        path = tmp_path / f"{len(default)}-{len(str(default))}.json"
        path.write_text(json.dumps(contract))
        return path

    empty, one, unsaid = change({"default": []}), change({"default": ["h2o"]}), change({})
    assert breaks(empty, unsaid) == []
    assert "another default" in breaks(one, unsaid)[0]
    assert "another default" in breaks(empty, one)[0]


@pytest.mark.parametrize(
    ("released", "version", "changelog", "announced"),
    [
        ("0.1.0", "1.0.0", "# Changes\n\n## 1.0.0 - 2026-03-01\n", True),
        ("0.1.0", "1.0.0", "## [1.0.0]\n", True),
        ("0.1.0", "1.0.0", "## 1.0.0.1\n\n## 1.0.0-rc1\n\n## 0.1.0\n", False),
        ("0.1.0", "1.0.0", "", False),
        ("1.4.0", "1.5.0", "## 1.5.0\n", False),
        ("9.0.0", "10.0.0", "## 10.0.0\n", True),
    ],
)
def test_what_announces_a_break(released, version, changelog, announced):
    assert is_announced(released, version, changelog) is announced


@pytest.mark.parametrize(("changelog", "status"), [("## 0.1.0\n", 1), ("## 1.0.0\n", 0)])
def test_a_break_needs_its_announcement(tmp_path, monkeypatch, capsys, changelog, status):
    contract = copy.deepcopy(BASE)
    contract["info"]["version"] = "1.0.0"
    del contract["paths"][ONE]["delete"]
    for name, text in {"CONTRACT": json.dumps(contract), "CHANGELOG": changelog}.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(check_breaks, name, tmp_path / name)
    assert check_breaks.main() == status
    assert f"Operation `DELETE {ONE}` was removed" in capsys.readouterr().out
