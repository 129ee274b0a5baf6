"""The servers that `make bench` measures beside this one import only what is there.

They run in an environment of their own, which tests do not have, and no type checker reads them.
"""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import tools.bench

BENCH = Path(next(iter(tools.bench.__path__)))
FILES = sorted(BENCH.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(BENCH)))
def test_what_is_imported_of_this_package_exists(file):
    found = [
        (node.module, name.name)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("projects_api")
        for name in node.names
    ]
    missing = [one for one in found if not _exists(*one)]
    assert missing == []


def _exists(module: str, name: str) -> bool:
    if hasattr(import_module(module), name):
        return True
    try:
        import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True
