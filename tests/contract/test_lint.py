"""The lint of our own: the contract passes it, and each fault that is seeded is found."""

import copy
import shutil

import pytest

from projects_api.openapi import contract
from tools.contract_tree import DanglingReferenceError, Place
from tools.lint_contract import ROOT, lint

CONTRACT = contract()
PROJECTS = "paths|/api/projects"
ONE = "paths|/api/projects/{project_id}"


def at(contract: dict, place: str):
    """Walk to a place that is written with `|` between its steps."""
    for step in place.split("|"):
        contract = contract[int(step) if isinstance(contract, list) else step]
    return contract


def pointer(place: str) -> str:
    return "#" + "".join(
        "/" + step.replace("~", "~0").replace("/", "~1") for step in place.split("|")
    )


def changed(*changes: tuple[str, str, object]) -> dict:
    """Copy the contract and set members; `None` removes one."""
    contract = copy.deepcopy(CONTRACT)
    for place, key, value in changes:
        holder = at(contract, place)
        if value is None:
            del holder[key]
        else:
            holder[int(key) if isinstance(holder, list) else key] = value
    return contract


def test_a_reference_that_leads_to_nothing_is_named_with_its_place():
    broken = {"paths": {"/x": {"$ref": "#/components/nothing"}}}
    with pytest.raises(DanglingReferenceError, match="#/paths//x: there is no #/components/n"):
        Place(broken, ("paths", "/x"))


def test_a_schema_that_nobody_declared_is_named_with_its_place():
    place = "components|schemas|Project|properties"
    broken = changed((place, "colour", {"$ref": "#/components/schemas/Colour"}))
    told = "components/schemas/Project/properties/colour: there is no #/components/schemas/Colour"
    with pytest.raises(DanglingReferenceError, match=told):
        lint(broken)


def test_the_contract_has_no_fault():
    assert [str(fault) for fault in lint(CONTRACT)] == []


@pytest.mark.parametrize(
    ("place", "key", "value", "found_at", "message"),
    [
        (f"{ONE}|get", "operationId", "list_projects", "paths", "stands 2 times"),
        (f"{ONE}|get", "tags", ["projects", "members"], f"{ONE}|get|tags", "one tag"),
        (f"{ONE}|get", "tags", ["unknown"], f"{ONE}|get|tags", "one tag"),
        (f"{PROJECTS}|get", "x-required-scope", None, f"{PROJECTS}|get", "x-required-scope"),
        (f"{PROJECTS}|get", "x-required-scope", "all", f"{PROJECTS}|get", "x-required-scope"),
        (f"{PROJECTS}|get", "x-required-role", None, f"{PROJECTS}|get", "x-required-role"),
        (f"{PROJECTS}|get", "security", [], f"{PROJECTS}|get", "no security"),
        (f"{PROJECTS}|post", "x-required-scope", "read", f"{PROJECTS}|post", "scope read"),
        ("paths|/health/live|get", "x-required-role", "viewer", "paths|/health/live|get", "caller"),
        (f"{ONE}|get|responses", "401", None, f"{ONE}|get|responses", "401 is missing"),
        (f"{ONE}|get|responses", "404", None, f"{ONE}|get|responses", "404 is missing"),
        (f"{ONE}|get|responses", "304", None, f"{ONE}|get|responses", "304 is missing"),
        (f"{ONE}|put|responses", "412", None, f"{ONE}|put|responses", "412 is missing"),
        (f"{PROJECTS}|post|responses", "413", None, f"{PROJECTS}|post|responses", "413 is missing"),
        (f"{PROJECTS}|post|responses", "409", None, f"{PROJECTS}|post|responses", "409 is missing"),
        (f"{PROJECTS}|get|responses", "422", None, f"{PROJECTS}|get|responses", "422 is missing"),
        ("paths|/api/datasets|get|responses", "404", None, "paths|/api/datasets|get|responses", ""),
        (
            "paths|/health/live|get|responses",
            "404",
            {"$ref": "#/components/responses/NotFound"},
            "paths|/health/live|get|responses",
            "404 cannot be answered",
        ),
        (
            f"{PROJECTS}|get|responses",
            "202",
            {"$ref": "#/components/responses/Acknowledged"},
            f"{PROJECTS}|get|responses",
            "exactly one success",
        ),
        (
            f"{PROJECTS}|get|responses",
            "401",
            CONTRACT["components"]["responses"]["Unauthenticated"],
            f"{PROJECTS}|get|responses|401",
            "problems are shared",
        ),
        (
            "components|responses|Conflict|content|application/problem+json",
            "schema",
            {"$ref": "#/components/schemas/Project"},
            "components|responses|Conflict",
            "with the schema Problem",
        ),
        (
            f"{PROJECTS}|get|responses|200|headers",
            "X-Request-Id",
            None,
            f"{PROJECTS}|get|responses|200",
            "X-Request-Id",
        ),
        (
            f"{PROJECTS}|post|requestBody|content|application/json",
            "examples",
            None,
            f"{PROJECTS}|post|requestBody|content|application/json",
            "needs an example",
        ),
        (
            "components|responses|Forbidden|content|application/problem+json",
            "examples",
            None,
            "components|responses|Forbidden|content|application/problem+json",
            "needs an example",
        ),
        (
            "components|examples|FraudProject|value|project",
            "created_at",
            "yesterday",
            "components|examples|FraudProject|value",
            "/project/created_at",
        ),
        (
            "components|parameters|Limit",
            "example",
            501,
            "components|parameters|Limit|example",
            "501",
        ),
        (
            "components|headers|Location",
            "example",
            "not a reference",
            "components|headers|Location|example",
            "uri-reference",
        ),
        (
            f"{PROJECTS}|post|responses|201",
            "links",
            None,
            f"{PROJECTS}|post|responses|201",
            "a create links",
        ),
        (
            f"{PROJECTS}|post|responses|201|links",
            "export_project",
            None,
            f"{PROJECTS}|post|responses|201",
            "a link to export_project is missing",
        ),
        (
            f"{PROJECTS}|post|responses|201|links|get_project",
            "operationId",
            "nothing",
            f"{PROJECTS}|post|responses|201|links|get_project",
            "leads to no operation",
        ),
        (
            f"{PROJECTS}|post|responses|201|links|get_project|parameters",
            "project",
            "$response.body#/project_id",
            f"{PROJECTS}|post|responses|201|links|get_project",
            "no parameter project",
        ),
        (
            f"{PROJECTS}|get|responses|200|links|get_project|parameters",
            "project_id",
            "$response.body#/items/0/project_id",
            f"{PROJECTS}|get|responses|200|links|get_project",
            "in no example",
        ),
        (
            "components|schemas|Member",
            "additionalProperties",
            None,
            "components|schemas|Member",
            "additionalProperties",
        ),
        (
            "components|schemas|Member|properties",
            "more",
            {"type": "object", "properties": {}},
            "components|schemas|Member|properties|more",
            "additionalProperties",
        ),
        (
            "components|schemas|ProjectList|properties|items",
            "maxItems",
            None,
            "components|schemas|ProjectList|properties|items",
            "array has no bound",
        ),
        (
            "components|schemas|Timeline|properties|events",
            "items",
            {"type": "string"},
            "components|schemas|Timeline|properties|events|items",
            "string has no bound",
        ),
        (
            "components|parameters|Search|schema",
            "maxLength",
            None,
            "components|parameters|Search|schema",
            "string has no bound",
        ),
        (
            "components|headers|Content-Length|schema",
            "maximum",
            None,
            "components|headers|Content-Length|schema",
            "integer has no bound",
        ),
        (
            "components|schemas|ExperimentConfig|properties|sort_metric",
            "nullable",
            True,
            "components|schemas|ExperimentConfig|properties|sort_metric",
            "null is refused by a part of allOf",
        ),
        (
            "components|schemas|Cluster",
            "nullable",
            True,
            "components|schemas|Cluster",
            "let it be left out",
        ),
        (
            "components|schemas|ExperimentCreate|properties|config",
            "default",
            {},
            "components|schemas|ExperimentCreate|properties|config",
            "the default is an object",
        ),
        (
            "components|schemas|ExperimentCreate|properties|engines",
            "default",
            [],
            "components|schemas|ExperimentCreate|properties|engines",
            "the default is an array",
        ),
        *(
            (
                "components|schemas|Name",
                "pattern",
                pattern,
                "components|schemas|Name",
                "escapes what is not ASCII",
            )
            for pattern in (r"^[^\xa0]$", r"^[^\u00a0]$", r"^\xE9$", r"^\x{e9}$", r"^\p{L}$")
        ),
        (
            "components|schemas|ExperimentConfig|properties|sort_metric",
            "type",
            None,
            "components|schemas|ExperimentConfig|properties|sort_metric",
            "the default is a text",
        ),
        (
            "components|schemas",
            "Forgotten",
            {"type": "boolean"},
            "components|schemas|Forgotten",
            "nothing refers",
        ),
        (
            "components|securitySchemes",
            "Basic",
            {"type": "http", "scheme": "basic"},
            "components|securitySchemes|Basic",
            "nothing refers",
        ),
    ],
)
def test_a_seeded_fault_is_found(place, key, value, found_at, message):
    found = lint(changed((place, key, value)))
    assert [
        fault for fault in found if fault.pointer == pointer(found_at) and message in fault.message
    ], [str(fault) for fault in found]


def test_tags_in_another_order():
    contract = copy.deepcopy(CONTRACT)
    contract["tags"].reverse()
    assert "#/tags" in {fault.pointer for fault in lint(contract)}


def test_operations_in_another_order():
    contract = copy.deepcopy(CONTRACT)
    contract["paths"] = dict(reversed(contract["paths"].items()))
    messages = [fault.message for fault in lint(contract)]
    assert [one for one in messages if "handlers/projects.py has another order" in one]
    assert [one for one in messages if "handlers/test_projects.py has another order" in one]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("projects_api/handlers/projects.py", "def get_project", "def _get", "no get_project"),
        ("projects_api/handlers/projects.py", "def get_project", "def got", "got in"),
        ("tests/handlers/test_projects.py", "class TestGetProject", "class _T", "no TestGetProje"),
        ("tests/handlers/test_projects.py", "class TestGetProject", "class TestIt", "TestIt in"),
    ],
)
def test_code_without_operation_and_operation_without_code(tmp_path, file, old, new, message):
    for folder in ("projects_api/handlers", "tests/handlers"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert lint(CONTRACT, tmp_path) == []
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(text.replace(old, new))
    assert [fault for fault in lint(CONTRACT, tmp_path) if message in fault.message]


def test_a_missing_module(tmp_path):
    for folder in ("projects_api/handlers", "tests/handlers"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "tests/handlers/test_export.py").unlink()
    (fault,) = lint(CONTRACT, tmp_path)
    assert fault.pointer == "#/paths/~1api~1projects~1{project_id}~1export/get"
    assert fault.message == "tests/handlers/test_export.py has no TestExportProject"
