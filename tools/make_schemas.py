"""Write `projects_api/schemas.py`: what the answers of the contract hold, as types of Python.

`python -m tools.make_schemas` writes it; with `--check` it fails where the file is another one.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from projects_api.contract.resolver import operations
from projects_api.openapi import contract
from tools.contract_tree import references

TARGET = Path(__file__).parents[1] / "projects_api" / "schemas.py"
PREFIX = "#/components/schemas/"
HEAD = '''"""What answers hold; `make docs` writes it, so change `openapi.yaml` instead."""

from typing import Any, Literal, NotRequired, TypedDict
'''
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
Schema = Mapping[str, Any]
SCHEMAS: Mapping[str, Schema] = contract()["components"]["schemas"]


def main() -> None:
    """Write the file, or compare it."""
    text = formatted(render())
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET.name} is not what the contract says: run `make docs`.")


def render() -> str:
    """Write each object and each choice that an answer refers to."""
    names = (
        name
        for operation in operations(contract())
        for status, response in operation["responses"].items()
        if str(status).startswith("2")
        for name in names_in(response)
    )
    return "\n\n".join([HEAD, *written(names).values()]) + "\n"


def written(names: Iterable[str]) -> dict[str, str]:
    """Write schemas by their name, what each refers to before it."""
    found: dict[str, str] = {}

    def write(name: str) -> None:
        for other in names_in(SCHEMAS[name]):
            write(other)
        if name not in found and is_named(SCHEMAS[name]):
            found[name] = definition(name, SCHEMAS[name])

    for name in names:
        write(name)
    return found


def names_in(part: Any) -> Iterator[str]:
    """Yield the names of the schemas that a part of the contract refers to."""
    for reference in references(part):
        if reference.startswith(PREFIX):
            yield reference.removeprefix(PREFIX)


def is_named(schema: Schema) -> bool:
    """Return whether a schema has a name in Python too; others are what they are made of."""
    return "properties" in schema or "enum" in schema


def definition(name: str, schema: Schema) -> str:
    """Write an object's schema as a class of its members, and a choice as another name of it."""
    if "enum" in schema:
        return f"{name} = {type_of(schema)}"
    text = " ".join(schema.get("description", f"`{name}` of the contract.").split())
    first = text.partition(". ")[0].rstrip(".").replace('"', "'")[:88]
    required = set(schema.get("required", ()))
    members = {member: type_of(declared) for member, declared in schema["properties"].items()}
    return "\n".join(
        [
            f"class {name}(TypedDict):",
            f'    """{first}."""',
            "",
            *(
                f"    {member}: {kind if member in required else f'NotRequired[{kind}]'}"
                for member, kind in members.items()
            ),
        ]
    )


def type_of(schema: Schema) -> str:  # noqa: PLR0911 - one a kind of schema
    """Write the type of the values that a schema takes, as precisely as Python can."""
    match schema:
        case {"$ref": reference}:
            name = str(reference).removeprefix(PREFIX)
            return name if is_named(SCHEMAS[name]) else type_of(SCHEMAS[name])
        case {"nullable": True, **others}:
            return f"{type_of(others)} | None"
        case {"oneOf": several} | {"anyOf": several} | {"allOf": several}:
            return " | ".join(map(type_of, several))
        case {"enum": values}:
            return f"Literal[{', '.join(repr(one) for one in values if one is not None)}]"
        case {"type": "array", "items": items}:
            return f"list[{type_of(items)}]"
        case {"type": "object", "additionalProperties": {} as values}:
            return f"dict[str, {type_of(values)}]"
        case {"type": "object"}:
            return "dict[str, Any]"
    return PLAIN.get(schema.get("type", ""), "Any")


def formatted(text: str) -> str:
    """Write code as `make format` does, with its imports in order."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format"]):
        whole = [ruff, *command, "--stdin-filename", str(TARGET), "-"]
        done = subprocess.run(whole, input=text, capture_output=True, text=True, check=True)
        text = done.stdout
    return text


if __name__ == "__main__":
    main()
