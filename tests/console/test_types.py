"""The console's calls are those of the contract, by its types."""

import json
import re
import shutil

import pytest

from tools import check_console, node_tools
from tools.make_console import CONSOLE

FAULTS = {
    "no such operation": 'call("list_projectz");',
    "no such field of a path": 'call("get_project", { path: { projectid: "x" } });',
    "no such parameter": 'call("list_projects", { query: { sort: "name" } });',
    "no such value": 'call("list_projects", { query: { sort_field: "colour" } });',
    "no such field of a body": 'call("create_project", { body: { nam: "x" } });',
    "a body where there is none": 'call("list_projects", { body: { name: "x" } });',
    "no such field of an answer": (
        'call("get_project", { path: { project_id: "x" } }).then((one) => one.project.nam);'
    ),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Compile a copy of the console with a module more, in which each line is one fault."""
    if reason := node_tools.reason_to_skip():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("console")
    copy = folder / "console"
    shutil.copytree(CONSOLE, copy)
    lines = ['import { call } from "./api.js";', *FAULTS.values()]
    (copy / "planted.js").write_text("\n".join(lines))
    settings = json.loads((CONSOLE / "tsconfig.json").read_text())
    paths = settings["compilerOptions"]["paths"]
    for name, (path,) in paths.items():
        paths[name] = [str((CONSOLE / path).resolve())]
    paths["contract"] = [str(folder / "contract.d.ts")]
    (copy / "tsconfig.json").write_text(json.dumps(settings))
    return check_console.check(node_tools.ROOT / "openapi.yaml", copy, folder / "contract.d.ts")


def test_nothing_else_is_wrong(planted):
    assert {line.partition("(")[0].rpartition("/")[2] for line in errors(planted)} == {"planted.js"}


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=list(FAULTS))
def test_is_noticed(planted, number):
    """The line after the import of the module."""
    assert any(f"planted.js({number + 2}," in line for line in errors(planted)), planted


def errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if re.search(r"error TS\d+", line)]
