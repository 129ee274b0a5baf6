"""What the engine supports of OpenAPI: the rest is refused at start-up, by its name.

Whatever stood in a contract and was not enforced would be a promise that nobody keeps.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from projects_api.contract.resolver import MismatchError, resolved

METHODS = ("get", "put", "post", "delete", "patch")
_LOCATIONS = {"path", "query", "header"}
_TYPES = {"integer", "number", "boolean", "string"}
_BODIES = {"application/json", "multipart/form-data"}
_STYLES = {"path": "simple", "query": "form", "header": "simple"}


def check_supported(contract: Mapping[str, Any]) -> None:
    """Raise `MismatchError`, which names each thing that no request would meet."""
    found = [
        f"{operation.get('operationId') or f'{method} {path}'}: {what}"
        for path, item in contract["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and method != "parameters"
        for what in _unsupported(contract, item, method, operation)
    ]
    if found:
        raise MismatchError("The engine does not support this: " + "; ".join(found))


def _unsupported(
    contract: Mapping[str, Any], item: Mapping[str, Any], method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    if method not in METHODS:
        yield f"the method {method.upper()}"
        return
    if "operationId" not in operation or not operation.get("tags"):
        yield "an operation without operationId or tag"
    # Callbacks say what an application sends by itself, which is none of the engine's business.
    if "servers" in operation or "servers" in item:
        yield "`servers` of its own"
    for parameter in [*item.get("parameters", ()), *operation.get("parameters", ())]:
        yield from _of_parameter(resolved(contract, parameter))
    if body := resolved(contract, operation.get("requestBody", {})):
        yield from _of_body(contract, body)
    yield from _of_responses(contract, operation.get("responses", {}))
    for requirement in operation.get("security", contract.get("security", ())):
        if not requirement:
            yield "a security that may be left out"
        for name in requirement:
            scheme = contract["components"]["securitySchemes"][name]
            if (scheme["type"], scheme.get("scheme")) != ("http", "bearer"):
                yield f"the security scheme {name}, which is no bearer token"


def _of_parameter(parameter: Mapping[str, Any]) -> Iterator[str]:
    name, location = parameter["name"], parameter["in"]
    if location not in _LOCATIONS:
        yield f"the parameter {name} in {location}"
    elif "schema" not in parameter:
        yield f"the parameter {name} without a schema"
    elif parameter.get("style", _STYLES[location]) != _STYLES[location]:
        yield f"the parameter {name} in the style {parameter['style']}"
    elif "$ref" not in parameter["schema"] and parameter["schema"].get("type") not in _TYPES:
        yield f"the parameter {name} of the type {parameter['schema'].get('type')}"


def _of_body(contract: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[str]:
    content = body["content"]
    if len(content) != 1 or not content.keys() <= _BODIES:
        yield f"a body of {' or '.join(content)}"
        return
    if not body.get("required"):
        yield "a body that may be left out"
    [media] = content.values()
    schema = resolved(contract, media["schema"])
    parts = [resolved(contract, part) for part in schema.get("allOf", ())]
    if not any("properties" in part for part in (schema, *parts)):
        yield "a body that is no object with properties"


def _of_responses(contract: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterator[str]:
    successes = [status for status in responses if str(status).startswith("2")]
    if len(successes) != 1:
        yield f"{len(successes)} successes instead of one"
        return
    if not resolved(contract, responses[successes[0]]).get("content"):
        yield "a success without content"
