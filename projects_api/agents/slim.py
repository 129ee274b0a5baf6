"""Schemas for agents: what is needed to make an argument, and nothing beyond.

Every argument is checked by the server against the whole contract; what a schema of a tool leaves
out costs at most one answer that says what is wrong.
"""

import re
from collections.abc import Mapping
from typing import Any

from projects_api.openapi import contract

_KEPT = ("type", "enum", "minimum", "maximum", "default")
_MOST_DESCRIPTION = 90
_NO_BOUND = 2**31 - 1
"""The least maximum that is there for machines alone, and tells an agent nothing."""
_MOST_ENUM = 20
_SAID_BY_NAMES = ("What people call it", "What people call the team")
"""How what a property is called begins where that tells no more than `name`."""
_SENTENCE = re.compile(r"^.*?[.;](?= |$)", re.DOTALL)

Schema = dict[str, Any]


def resolve(part: Any) -> Any:
    """Follow a reference of the contract."""
    while isinstance(part, Mapping) and "$ref" in part:
        found: Any = contract()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def slim(schema: Any, description: str | None = None, depth: int = 0) -> Schema:
    """Return a schema without patterns, formats, examples and most of its texts."""
    schema = whole(schema)
    kept: Schema = {name: schema[name] for name in _KEPT if name in schema}
    if kept.get("maximum", 0) >= _NO_BOUND:
        del kept["maximum"]
    if schema.get("type") == "integer" and kept.get("minimum") in {0, 1}:
        del kept["minimum"]  # Numbers and counts, of which nobody asks for fewer.
    if len(kept.get("enum", ())) > _MOST_ENUM:
        del kept["enum"]
    if told := first_sentence(description or schema.get("description", "")):
        kept["description"] = told
    if schema.get("format") == "uuid" or told.startswith(_SAID_BY_NAMES):
        kept.pop("description", None)
    if "items" in schema:
        kept["items"] = slim(schema["items"], depth=depth + 1)
        if told:  # What each is, what all are says as well.
            kept["items"].pop("description", None)
    if properties := schema.get("properties"):
        kept["properties"] = {name: slim(one, depth=depth + 1) for name, one in properties.items()}
        if required := schema.get("required"):
            kept["required"] = list(required)
    return kept


def whole(schema: Any) -> Mapping[str, Any]:
    """Return a schema with all its parts in one; of alternatives, the first that is no null."""
    schema = resolve(schema)
    merged = {name: value for name, value in schema.items() if name not in {"allOf", "anyOf"}}
    for part in schema.get("allOf", ()):
        other = whole(part)
        properties = {**other.get("properties", {}), **merged.get("properties", {})}
        required = [*other.get("required", ()), *merged.get("required", ())]
        merged = {**other, **merged}
        if properties:
            merged |= {"properties": properties, "required": list(dict.fromkeys(required))}
    return merged


def first_sentence(text: str, most: int = _MOST_DESCRIPTION) -> str:
    """Return the first sentence of a text, cut where it is long."""
    flat = " ".join(text.split())
    found = _SENTENCE.match(flat)
    sentence = (found[0] if found else flat).rstrip(".;")
    if len(sentence) <= most:
        return sentence
    return sentence[:most].rpartition(" ")[0] + " ..."
