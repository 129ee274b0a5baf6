"""Check the console's types, against those that openapi-typescript makes of the contract.

`python -m tools.check_console [FOLDER]` says what a call names that the contract does not have.
"""

import sys
from pathlib import Path

from tools import node_tools
from tools.make_console import CONSOLE

DECLARATIONS = node_tools.ROOT / "build" / "console" / "contract.d.ts"


def check(contract: Path, project: Path = CONSOLE, declarations: Path = DECLARATIONS) -> str:
    """Make the contract's types and compile against them; empty where all is well."""
    declarations.parent.mkdir(parents=True, exist_ok=True)
    # What has a default may be left out by a caller.
    options = ("--default-non-nullable=false", "--output", declarations)
    made = node_tools.run("openapi-typescript", contract, *options)
    if made.returncode:
        return made.stdout + made.stderr
    return node_tools.run("tsc", "--project", project / "tsconfig.json").stdout


if __name__ == "__main__":
    found = check(node_tools.ROOT / "openapi.yaml")
    print(found, end="")
    sys.exit(bool(found))
