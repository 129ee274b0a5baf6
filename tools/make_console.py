"""Write what the console has from elsewhere: operations of the contract, libraries from npm.

`python -m tools.make_console` writes; with `--check` it only says what is not as it would be
written. The versions of the libraries stand in tools/node/package.json.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from projects_api.openapi import contract
from tools import node_tools

CONSOLE = Path(__file__).resolve().parents[1] / "projects_api" / "app" / "console_ui"
LIBRARIES = {
    "preact.js": "preact/dist/preact.mjs",
    "hooks.js": "preact/hooks/dist/hooks.mjs",
    "htm.js": "htm/dist/htm.module.js",
    "LICENSE.preact.txt": "preact/LICENSE",
    "LICENSE.htm.txt": "htm/LICENSE",
}
_HEAD = """\
// The operations that the console may call; `make docs` writes this from openapi.yaml.

export const OPERATIONS = /** @type {const} */ ("""


def operations_module(document: dict[str, Any]) -> str:
    """Write the module that knows the method and path of every operation under /api."""
    table = {
        one["operationId"]: _entry(document, path, method, one)
        for path, item in document["paths"].items()
        for method, one in item.items()
        if isinstance(one, dict) and "operationId" in one and path.startswith("/api/")
    }
    rows = [f"  {name}: {json.dumps(entry)}," for name, entry in table.items()]
    return _HEAD + "{\n" + "\n".join(rows) + "\n});\n"


def _entry(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    parameters = [
        _resolved(document, one)
        for one in [
            *document["paths"][path].get("parameters", []),
            *operation.get("parameters", []),
        ]
    ]
    names = {one["name"] for one in parameters if one["in"] == "header"}
    entry: dict[str, Any] = {"method": method.upper(), "path": path}
    if operation["x-required-role"] not in {"none", "viewer"}:
        entry["role"] = operation["x-required-role"]
    if "Idempotency-Key" in names:
        entry["idempotent"] = True
    if "If-Match" in names:
        entry["conditional"] = True
    return entry


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    found: Any = part
    if "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    return dict(found)


def libraries() -> dict[str, str]:
    """Read the libraries as they are served: importing each other by address, without maps."""
    node_tools.install()
    modules = node_tools.FOLDER / "node_modules"
    texts = {name: (modules / source).read_text() for name, source in LIBRARIES.items()}
    return {name: _served(text) for name, text in texts.items()}


def _served(text: str) -> str:
    text = re.sub(r"\bfrom\s*(['\"])preact\1", 'from"./preact.js"', text)
    return re.sub(r"\n?//# sourceMappingURL=.*\n?", "\n", text)


def main(arguments: list[str]) -> int:
    """Write or check; 1 where something is not as it would be written."""
    wanted = {"operations.js": operations_module(contract())}
    wanted |= {f"vendor/{name}": text for name, text in libraries().items()}
    stale = [
        name
        for name, text in wanted.items()
        if not (CONSOLE / name).exists() or (CONSOLE / name).read_text() != text
    ]
    if "--check" in arguments:
        for name in stale:
            print(f"{name} is not what `make docs` writes", file=sys.stderr)
        return int(bool(stale))
    for name in stale:
        (CONSOLE / name).parent.mkdir(exist_ok=True)
        (CONSOLE / name).write_text(wanted[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
