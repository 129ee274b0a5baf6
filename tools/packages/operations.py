"""What the packages for callers need to know of the contract's operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from projects_api.openapi import contract

METHODS = ("get", "post", "put", "patch", "delete")
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path or a query, or a property of a body."""

    name: str
    schema: Schema
    is_required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as a client calls it."""

    name: str
    summary: str
    method: str
    path: str
    path_parameters: tuple[Parameter, ...]
    query: tuple[Parameter, ...]
    headers: frozenset[str]
    media_type: str
    """Of the body that it takes; empty where it takes none."""
    body: tuple[Parameter, ...]
    status: str
    """Of the answer to a success."""
    answer: str
    """The name of what it answers; empty where that is a file."""
    list_member: str
    """What holds the items of a page; empty where the answer is none."""

    @property
    def is_form(self) -> bool:
        """Return whether the body is a form with a file."""
        return self.media_type == "multipart/form-data"


def operations() -> Iterator[Operation]:
    """Yield every operation, in the contract's order."""
    for path, item in contract()["paths"].items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                yield _operation(path, method, item[method], shared)


def resolved(part: Any) -> Any:
    """Follow references until there is none."""
    while "$ref" in part:
        found: Any = contract()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def longest_wait() -> int | None:
    """Return for how many seconds `get_job` may wait for a job's end, if it can at all."""
    (job,) = (one for one in operations() if one.name == "get_job")
    wait = [one.schema.get("maximum") for one in job.query if one.name == "wait"]
    return int(wait[0]) if wait and wait[0] else None


def _operation(path: str, method: str, declared: Any, shared: list[Any]) -> Operation:
    everything = [resolved(one) for one in [*shared, *declared.get("parameters", [])]]
    body = resolved(declared["requestBody"])["content"] if "requestBody" in declared else {}
    media_type = next(iter(body), "")
    status = next(status for status in declared["responses"] if str(status).startswith("2"))
    content = resolved(declared["responses"][status]).get("content", {})
    json = content.get("application/json", {}).get("schema", {})
    return Operation(
        name=declared["operationId"],
        summary=declared["summary"],
        method=method.upper(),
        path=path,
        path_parameters=_parameters(everything, "path"),
        query=_parameters(everything, "query"),
        headers=frozenset(one["name"] for one in everything if one["in"] == "header"),
        media_type=media_type,
        body=_properties(body[media_type]["schema"]) if body else (),
        status=str(status),
        answer=json.get("$ref", "").rpartition("/")[2],
        list_member=_list_member(json) if "offset" in {one["name"] for one in everything} else "",
    )


def _parameters(everything: list[Any], place: str) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(one["name"], one["schema"], one.get("required", False))
        for one in everything
        if one["in"] == place
    )


def _properties(schema: Any) -> tuple[Parameter, ...]:
    declared = resolved(schema)
    required = declared.get("required", ())
    found = [Parameter(name, one, name in required) for name, one in declared["properties"].items()]
    return tuple(sorted(found, key=lambda one: not one.is_required))


def _list_member(schema: Any) -> str:
    members = resolved(schema)["properties"].items()
    return str(next(name for name, one in members if resolved(one).get("type") == "array"))
