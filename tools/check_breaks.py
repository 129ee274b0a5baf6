"""Find what would break callers of the released contract, `docs/released/openapi.yaml`.

`python -m tools.check_breaks` exits with 1 where there is a break, unless the contract's version
has a greater major number than the released one and CHANGELOG.md has a heading for that version.
To release, copy `openapi.yaml` over the released one.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from projects_api.contract.checker import parse_yaml
from projects_api.models.member import ROLES
from tools import node_tools
from tools.contract_tree import Place, operations

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ROOT / "docs" / "released" / "openapi.yaml"
CONTRACT = ROOT / "openapi.yaml"
CHANGELOG = ROOT / "CHANGELOG.md"

_OTHER_BREAKS = {"default": "another default", "tags": "clients name their classes by the tag"}
"""What Redocly takes for a patch, and a caller notices."""
_HIGH_ESCAPE = re.compile(r"\\x([89a-fA-F][0-9a-fA-F])")


def breaks(released: Path, contract: Path) -> list[str]:
    """Say what in `contract` breaks those who rely on `released`."""
    old, new = (Place(parse_yaml(path.read_bytes())) for path in (released, contract))
    found = [*_redocly_breaks(old, new), *_access_breaks(old, new)]
    lost = old["components"]["schemas"].value.keys() - new["components"]["schemas"].value.keys()
    found += [f"#/components/schemas/{name}: clients name a class by it" for name in sorted(lost)]
    return list(dict.fromkeys(found))


def _merged(node: Any, schemas: dict[str, Any]) -> Any:
    """Return a schema for each `allOf` of one reference, of whose type Redocly knows nothing.

    A character of a pattern is the same one whether it is escaped or not.
    """
    match node:
        case {"pattern": str(pattern), **rest} if _HIGH_ESCAPE.search(pattern):
            plain = _HIGH_ESCAPE.sub(lambda found: chr(int(found[1], 16)), pattern)
            return _merged({**rest, "pattern": plain}, schemas)
        case {"allOf": [{"$ref": str(reference)}], **rest}:
            return {**_merged(schemas[reference.rpartition("/")[2]], schemas), **rest}
        case dict():
            return {name: _merged(one, schemas) for name, one in node.items()}
        case list():
            return [_merged(one, schemas) for one in node]
        case _:
            return node


def _redocly_breaks(old: Place, new: Place) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("released.json", "contract.json")]
        for path, tree in zip(paths, (old.value, new.value), strict=True):
            path.write_text(json.dumps(_merged(tree, tree["components"]["schemas"])))
        options = ("--format", "json", "--fail-on", "none")
        # Where Redocly finds a configuration it rates no change as a break: run where none is.
        report = node_tools.run("redocly", "diff", *paths, *options, cwd=node_tools.FOLDER)
    if report.returncode:
        raise RuntimeError(f"redocly diff failed: {report.stderr}")
    for change in json.loads(report.stdout)["changes"]:
        verdicts = [one for one in change["verdicts"] if one["impact"] == "major"]
        yield from (f"{change['path']}: {one['message']}" for one in verdicts)
        if not verdicts and _is_other_break(change):
            yield f"{change['path']}: {_OTHER_BREAKS[change['property']]}"


def _is_other_break(change: dict[str, Any]) -> bool:
    # Of an array that is empty where it is left out the contract may say so or not.
    unsaid = change.get("base", {}).get("value") == [] and "value" not in change.get("revision", {})
    wanted = change["kind"] != "added" and change.get("property") in _OTHER_BREAKS
    return wanted and not unsaid


def _access_breaks(old: Place, new: Place) -> Iterator[str]:
    """Compare who may call each operation: Redocly takes every change of that for a patch."""
    before = {one.path: one for one in operations(old)}
    for after in operations(new):
        if after.path not in before:
            continue
        was = before[after.path]
        admitted = _schemes(after, new)
        if "{}" not in admitted and _schemes(was, old) - admitted:
            yield f"{after.fault('authentication is newly required, or another one')}"
        scopes = was.get("x-required-scope"), after.get("x-required-scope")
        if scopes[0] != scopes[1] != "none":
            yield f"{after.fault('another scope is needed: {} became {}'.format(*scopes))}"
        roles = was.get("x-required-role"), after.get("x-required-role")
        if _rank(roles[0]) < _rank(roles[1]):
            yield f"{after.fault('a higher role is needed: {} became {}'.format(*roles))}"


def _schemes(operation: Place, tree: Place) -> set[str]:
    """Return the ways to be admitted; the empty one, `{}`, asks for nothing."""
    asked: list[dict[str, Any]] = operation.get("security", tree.get("security", []))
    return {json.dumps(one, sort_keys=True) for one in asked or [{}]}


def _rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else -1


def is_announced(released: str, version: str, changelog: str) -> bool:
    """Return whether a version may break callers of a released one and says so in the changelog."""
    heading = rf"^## \[?{re.escape(version)}\b(?![.-])"
    is_major = int(version.partition(".")[0]) > int(released.partition(".")[0])
    return is_major and re.search(heading, changelog, re.MULTILINE) is not None


def main() -> int:
    """Compare the contract of this checkout with the released one."""
    found = breaks(RELEASED, CONTRACT)
    old, new = (parse_yaml(path.read_bytes())["info"]["version"] for path in (RELEASED, CONTRACT))
    for one in found:
        print(one)
    print(f"{len(found)} breaks between the released {old} and {new}.")
    changelog = CHANGELOG.read_text() if CHANGELOG.exists() else ""
    if not found or is_announced(old, new, changelog):
        return 0
    print("Take them back, or announce a new major version in CHANGELOG.md and in info.version.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
