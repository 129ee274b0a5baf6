"""Schemas of a contract, compiled to validators."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs
import yaml

from projects_api.contract.visible import Visible

Schema = Mapping[str, Any]

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII | re.IGNORECASE)
"""A moment of RFC 3339 that lacks its offset."""
_LIMIT = 20
_COMBINED = {"allOf", "anyOf", "oneOf", "not", "$ref"}
_MOST_VALUES = 1000
"""Of how many values the faults are told; each fault costs as much as a thousand good values."""


def parse_yaml(text: bytes) -> dict[str, Any]:
    """Parse a YAML document whose top is a mapping, with libyaml where PyYAML has it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parsed: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    return parsed


class Checker:
    """A schema of the contract, compiled once, with its formats and patterns enforced.

    With `of_requests` its `x-visible` is, too.
    """

    def __init__(self, schema: Schema, *, of_requests: bool = False) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(
            _as_json_schema(schema),
            validate_formats=True,
            # Linear time, whatever a caller sends to a pattern.
            pattern_options=jsonschema_rs.RegexOptions(),
            keywords={"x-visible": Visible} if of_requests else None,
        )
        self.accepts = self._validator.is_valid

    def faults(self, value: Any, location: str, *prefix: str) -> list[dict[str, str]]:
        """Say where and how a value breaks the schema, as members of a problem's `errors`.

        Where it has very many values, only that it does: nobody's time may be spent by a body that
        is wrong everywhere.
        """
        if _is_large(value):
            if self.accepts(value):
                return []
            message = "breaks the schema, and has too many values to tell where"
            return [{"location": location, "pointer": _pointer(prefix), "message": message}]
        return list(islice(self._faults(value, location, prefix), _LIMIT))

    def _faults(
        self,
        value: Any,
        location: str,
        prefix: tuple[str, ...],
    ) -> Iterator[dict[str, str]]:
        try:
            errors = self._validator.iter_errors(value)
        except ValueError as too_deep:
            # What is nested too deeply to be shown is too deep for every schema there is.
            yield {
                "location": location,
                "pointer": _pointer(prefix),
                "message": str(too_deep),
            }
            return
        for error in errors:
            pointer = _pointer([*prefix, *(str(part) for part in error.instance_path)])
            yield {"location": location, "pointer": pointer, "message": _message(error)}


def _message(error: jsonschema_rs.ValidationError) -> str:
    """Write what is wrong; the library's words do not say what moments lack most often."""
    kind, value = error.kind, error.instance
    if getattr(kind, "format", None) == "date-time" and _LOCAL.fullmatch(str(value)):
        return f'"{value}" has no offset from UTC: put Z behind it, or one such as +02:00'
    return error.message[:1000]


def _pointer(path: Iterable[str]) -> str:
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in escaped)[:1000]


def _is_large(value: Any) -> bool:
    left, count = [value], 0
    while left and count <= _MOST_VALUES:
        one = left.pop()
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        count += len(parts)
        left.extend(parts)
    return count > _MOST_VALUES


def _as_json_schema(schema: Any) -> Any:
    """Translate OpenAPI 3.0's dialect: it says `nullable`, and knows exclusive bounds as flags."""
    if isinstance(schema, list):
        return [_as_json_schema(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    translated = {key: _as_json_schema(value) for key, value in schema.items()}
    translated.pop("discriminator", None)
    # A property may have the name, too.
    if isinstance(translated.get("nullable"), bool) and translated.pop("nullable"):
        return _or_null(translated)
    return translated


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a schema take null, so that faults of what is not null are told as they are.

    Of alternatives the library says only that none holds.
    """
    if not isinstance(schema.get("type"), str) or "const" in schema or _COMBINED & schema.keys():
        return {"anyOf": [schema, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **values, "type": [schema["type"], "null"]}
