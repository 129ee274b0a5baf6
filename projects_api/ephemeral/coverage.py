"""Coverage of the contract: what of it requests have exercised, and what not.

What is declared is known from the contract; what was exercised is recorded under the same names, so
that the record is bounded by the contract.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers

from projects_api.contract.rules import OPERATION
from projects_api.ephemeral.journal import Exchange
from projects_api.openapi import contract

JSON = "application/json"
KINDS = ("operations", "statuses", "parameters", "request", "response")
"""What is counted: operations, their statuses, parameters, and properties of JSON bodies."""
_METHODS = frozenset({"get", "put", "post", "delete", "patch"})

Names = dict[str, set[str]]


@dataclass(slots=True)
class Declared:
    """What the contract has of an operation, by kind; properties are paths such as `a/b[]/c`."""

    method: str
    path: str
    names: Names


@dataclass(slots=True)
class Recorded:
    """What was exercised of an operation."""

    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    names: Names = field(default_factory=lambda: {kind: set() for kind in KINDS[2:]})

    def add(self, document: Mapping[str, Any]) -> None:
        """Add what another record says."""
        self.calls += document["calls"]
        self.statuses.update(document["statuses"])
        for kind, names in self.names.items():
            names.update(document[kind])

    def document(self) -> dict[str, Any]:
        """Describe it."""
        kinds = {kind: sorted(names) for kind, names in self.names.items()}
        return {"calls": self.calls, "statuses": dict(self.statuses), **kinds}


class Coverage:
    """What was exercised, by operation; used on the event loop alone."""

    def __init__(self) -> None:
        self._recorded: dict[str, Recorded] = {}

    def note(self, exchange: Exchange) -> None:
        """Add a request and its answer, where it means an operation."""
        declared = declared_operations().get(exchange.scope.get(OPERATION, ""))
        if declared is None:
            return
        recorded = self._recorded.setdefault(exchange.scope[OPERATION], Recorded())
        recorded.calls += 1
        sent = Headers(scope=exchange.scope)
        query = parse_qsl(exchange.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = {name for name, _ in query} | set(sent)
        recorded.names["parameters"] |= given & declared.names["parameters"]
        if sent.get("content-type", "").startswith(JSON):
            found = _properties_in(exchange.request.kept, declared.names["request"])
            recorded.names["request"].update(found)
        if exchange.status is None:
            return
        recorded.statuses[str(exchange.status)] += 1
        if exchange.headers.get("content-type", "").startswith(JSON):
            found = _properties_in(exchange.response.kept, declared.names["response"])
            recorded.names["response"].update(found)

    def add(self, document: Mapping[str, Any]) -> None:
        """Add what another server recorded; raises KeyError and the like where it is no record."""
        for operation_id, recorded in document["operations"].items():
            self._recorded.setdefault(operation_id, Recorded()).add(recorded)

    def of(self, operation_id: str) -> Recorded:
        """Return what was exercised of an operation."""
        return self._recorded.get(operation_id, Recorded())

    def clear(self) -> None:
        """Begin anew."""
        self._recorded.clear()

    def document(self) -> dict[str, Any]:
        """Describe it all."""
        return {"operations": {name: one.document() for name, one in self._recorded.items()}}


@cache
def declared_operations() -> dict[str, Declared]:
    """Return what the contract declares, by operation."""
    found = {}
    for path, item in contract()["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method in _METHODS:
                parameters = [*shared, *operation.get("parameters", [])]
                names = _declared_names(operation, parameters)
                found[operation["operationId"]] = Declared(method.upper(), path, names)
    return found


def _declared_names(operation: Mapping[str, Any], parameters: list[Any]) -> Names:
    resolved = [_resolve(one) for one in parameters]
    # That of a path is in every request.
    given = {
        one["name"].lower() if one["in"] == "header" else one["name"]
        for one in resolved
        if one["in"] in {"query", "header"}
    }
    responses = operation["responses"]
    success = next(_resolve(responses[one]) for one in responses if str(one).startswith("2"))
    return {
        "statuses": {str(status) for status in responses},
        "parameters": given,
        "request": set(_properties_of(_schema(_resolve(operation.get("requestBody", {}))))),
        "response": set(_properties_of(_schema(success))),
    }


def _schema(body: Mapping[str, Any]) -> Any:
    return body.get("content", {}).get(JSON, {}).get("schema", {})


def _resolve(part: Any) -> Any:
    while "$ref" in part:
        found: Any = contract()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def _properties_of(schema: Any, prefix: str = "", above: tuple[int, ...] = ()) -> Iterator[str]:
    """List the properties that a schema names, of its parts, too; each of a circle once."""
    schema = _resolve(schema)
    if id(schema) in above:
        return
    above = (*above, id(schema))
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            yield from _properties_of(part, prefix, above)
    for name, part in schema.get("properties", {}).items():
        path = f"{prefix}/{name}".lstrip("/")
        yield path
        yield from _properties_of(part, path, above)
    if "items" in schema:
        yield from _properties_of(schema["items"], f"{prefix}[]", above)


def _properties_in(body: bytes | bytearray, declared: set[str]) -> Iterable[str]:
    """Find the declared properties that a JSON body has; one that was cut has none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    found: set[str] = set()
    left = [("", document)]
    while left:
        prefix, value = left.pop()
        if isinstance(value, list):
            left += [(f"{prefix}[]", one) for one in value]
        elif isinstance(value, dict):
            paths = {f"{prefix}/{name}".lstrip("/"): one for name, one in value.items()}
            known = paths.keys() & declared
            found |= known
            left += [(path, paths[path]) for path in known]
    return found
