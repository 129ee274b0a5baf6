"""Write `docs/operations.md` from the contract: every operation, what it needs and what it answers.

`python -m tools.describe_operations` writes it; with `--check` it only tells whether it is current.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from projects_api.contract.support import METHODS
from projects_api.openapi import contract

TARGET = Path(__file__).parents[1] / "docs" / "operations.md"
HEAD = """# Operations

Made from [`openapi.yaml`](../openapi.yaml) by `make docs`; do not edit. The contract says more,
and a server shows it at `/docs`. *Scope* is what the API key must have, *role* the least role in
the project.
"""


def describe(document: Mapping[str, Any]) -> str:
    """Return the page's text."""
    sections = [HEAD]
    for tag in document["tags"]:
        sections.append(f"## {tag['name']}\n\n{tag['description'].strip()}\n")
        sections.append(
            "| operation | what it does | scope | role | answers |\n|---|---|---|---|---|"
        )
        sections.append("\n".join(_rows(document, tag["name"])) + "\n")
    sections.append("## Problems\n\n| status | when |\n|---|---|")
    sections.append("\n".join(_problems(document)) + "\n")
    return "\n".join(sections)


def _rows(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if not operation or tag not in operation["tags"]:
                continue
            cells = [
                f"`{method.upper()} {path}`<br>`{operation['operationId']}`",
                operation["summary"],
                operation["x-required-scope"],
                operation["x-required-role"],
                ", ".join(operation["responses"]),
            ]
            yield f"| {' | '.join(cells)} |"


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    responses = document["components"]["responses"]
    statuses = {
        response["$ref"].rpartition("/")[2]: status
        for item in document["paths"].values()
        for method in METHODS
        if method in item
        for status, response in item[method]["responses"].items()
        if "$ref" in response
    }
    for name, status in sorted(statuses.items(), key=lambda one: one[1]):
        if "application/problem+json" in responses[name].get("content", {}):
            yield f"| {status} | {' '.join(responses[name]['description'].split())} |"


def main() -> int:
    """Write the page, or compare it; give the exit code."""
    text = describe(contract())
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text)
    elif TARGET.read_text() != text:
        print(f"{TARGET} is not what the contract says: run `make docs`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
