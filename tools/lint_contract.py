"""Lint of our own: the contract is a map of the code, and says all that its readers rely on.

`python -m tools.lint_contract` prints each fault with its JSON pointer and exits with 1 if there
is one. What linters in general know, such as Spectral and Redocly, is left to them.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from projects_api.contract.checker import Checker, parse_yaml
from projects_api.models.api_key import SCOPES
from projects_api.models.member import ROLES
from tools.contract_tree import (
    DanglingReferenceError,
    Fault,
    Place,
    Steps,
    check_references,
    examples,
    operations,
    parameters,
    references,
)
from tools.lint_schemas import schema_faults

ROOT = Path(__file__).resolve().parents[1]
PROBLEM = "application/problem+json"

_AUTHENTICATED = {"401", "403", "429", "500", "503"}
_BODY = {"400", "413", "415", "422"}
_CONDITIONS = {"Idempotency-Key": "409", "If-Match": "412", "If-None-Match": "304"}


def lint(contract: dict[str, Any], root: Path = ROOT) -> list[Fault]:
    """Return every fault of the contract, of the handlers and of the test classes below `root`."""
    tree = Place(contract)
    check_references(tree)
    found = [*_map_faults(tree, root), *_unused_components(tree), *schema_faults(tree)]
    found += _example_faults(tree)
    for operation in operations(tree):
        found += _access_faults(operation)
        found += _response_faults(operation)
        found += _status_faults(operation)
        found += _link_faults(operation, tree)
    return list(dict.fromkeys(found))


def _map_faults(tree: Place, root: Path) -> Iterator[Fault]:
    """Check that each operation has a name and a tag of its own, and its tag all of its code."""
    every = list(operations(tree))
    for identifier, times in Counter(one["operationId"].value for one in every).items():
        if times > 1:
            yield tree["paths"].fault(f"the operationId {identifier} stands {times} times")
    tags = [tag["name"].value for tag in tree["tags"].children()]
    for operation in every:
        if len(operation["tags"].value) != 1 or operation["tags"].value[0] not in tags:
            yield operation["tags"].fault("an operation has one tag, and the contract declares it")
    used = list(dict.fromkeys(one["tags"].value[0] for one in every))
    if used != tags:
        yield tree["tags"].fault(f"tags stand in the order of their operations: {used}")
    for tag in tree["tags"].children():
        yield from _module_faults(tag, root)


def _module_faults(tag: Place, root: Path) -> Iterator[Fault]:
    """Compare the operations of a tag with its handlers and with its test classes, in order."""
    name = tag["name"].value
    mine = [one for one in operations(Place(tag.root)) if name in one["tags"].value]
    for module, kind, translate in (
        (root / "projects_api" / "handlers" / f"{name}.py", ast.FunctionDef, str),
        (root / "tests" / "handlers" / f"test_{name}.py", ast.ClassDef, class_name),
    ):
        wanted = {translate(one["operationId"].value): one for one in mine}
        there = list(_public_names(module, kind))
        shown = module.relative_to(root)
        for missing in wanted.keys() - set(there):
            yield wanted[missing].fault(f"{shown} has no {missing}")
        for strange in set(there) - wanted.keys():
            yield tag.fault(f"{strange} in {shown} belongs to no operation")
        if set(there) == set(wanted) and there != list(wanted):
            yield tag.fault(f"{shown} has another order than the contract: {there}")


def class_name(operation_id: str) -> str:
    """Name the test class of an operation: `TestListProjects` of `list_projects`."""
    return "Test" + "".join(word.capitalize() for word in operation_id.split("_"))


def _public_names(module: Path, kind: type[ast.FunctionDef | ast.ClassDef]) -> Iterator[str]:
    prefix = "Test" if kind is ast.ClassDef else ""
    for node in ast.parse(module.read_text()).body if module.exists() else ():
        if isinstance(node, kind) and node.name.startswith(prefix) and node.name[0] != "_":
            yield node.name


def _access_faults(operation: Place) -> Iterator[Fault]:
    """Check that scope and role are declared, and agree with each other and with the method."""
    scope, role = operation.get("x-required-scope"), operation.get("x-required-role")
    if scope not in {*SCOPES, "none"}:
        yield operation.fault("x-required-scope is missing or unknown")
    if role not in {*ROLES, "none"}:
        yield operation.fault("x-required-role is missing or unknown")
    if (scope == "none") != _is_open(operation):
        yield operation.fault("the scope is none exactly where no security is asked for")
    if scope == "none" and role != "none":
        yield operation.fault("a role needs a caller, and so a scope")
    if scope == "read" and operation.path[-1] != "get":
        yield operation.fault("what changes something needs more than the scope read")


def _is_open(operation: Place) -> bool:
    return bool(operation.get("security") == [])


def _response_faults(operation: Place) -> Iterator[Fault]:
    """Check that problems are shared, and what every response carries."""
    responses = operation["responses"]
    for status in responses.value:
        response = responses[status]
        if "X-Request-Id" not in response.get("headers", {}):
            yield response.fault("every response declares X-Request-Id")
        if status < "400":
            continue
        if response.path[0] != "components":
            yield response.fault("problems are shared: refer to one of #/components/responses")
        schema = response.value.get("content", {}).get(PROBLEM, {}).get("schema")
        if schema != {"$ref": "#/components/schemas/Problem"}:
            yield response.fault(f"a problem is {PROBLEM} with the schema Problem")


def _status_faults(operation: Place) -> Iterator[Fault]:
    """Compare the statuses that an operation declares with those that its parts can lead to."""
    declared = {str(status) for status in operation["responses"].value}
    taken = {(one["in"].value, one["name"].value) for one in parameters(operation)}
    expected = {"500"} if _is_open(operation) else set(_AUTHENTICATED)
    if operation.get("x-required-role") != "none" or any(place == "path" for place, _ in taken):
        expected.add("404")
    if "requestBody" in operation:
        expected |= _BODY
    if any(place in {"query", "header"} for place, _ in taken):
        expected.add("422")
    expected |= {status for name, status in _CONDITIONS.items() if ("header", name) in taken}
    # A conflict may be the operation's own; and what needs no key may still not be ready.
    possible = {*expected, "409", "503"}
    for status in sorted(expected - declared):
        yield operation["responses"].fault(f"{status} is missing")
    successes = {status for status in declared if status.startswith("2")}
    if len(successes) != 1:
        yield operation["responses"].fault("an operation has exactly one success")
    for status in sorted(declared - possible - successes):
        yield operation["responses"].fault(f"{status} cannot be answered")


def _example_faults(tree: Place) -> Iterator[Fault]:
    """Check that every body has an example, and that every example fits its schema."""
    holders: dict[Steps, Place] = {}
    for operation in operations(tree):
        bodies = operation["responses"].children()
        if "requestBody" in operation:
            bodies.append(operation["requestBody"])
        for body in bodies:
            for kind in ("content", "headers"):
                parts = body[kind].children() if kind in body else ()
                holders |= {part.path: part for part in parts}
        holders |= {one.path: one for one in parameters(operation)}
    for holder in holders.values():
        if holder.path[-2] == "content" and not holder.get("examples"):
            yield holder.fault("a body needs an example")
        checker = _checker(holder["schema"])
        for example in examples(holder):
            for fault in checker.faults(example.value, "example"):
                yield example.fault(f"{fault['pointer']} {fault['message']}".strip())


def _checker(schema: Place) -> Checker:
    """Compile a schema with the components that it needs, for all of them take long."""
    every, rest = schema.root["components"]["schemas"], [schema.value]
    needed: dict[str, Any] = {}
    while rest:
        names = {reference.rpartition("/")[2] for reference in references(rest.pop())}
        rest += [every[name] for name in names - needed.keys()]
        needed |= {name: every[name] for name in names}
    return Checker({"allOf": [schema.value], "components": {"schemas": needed}})


def _link_faults(operation: Place, tree: Place) -> Iterator[Fault]:
    """Check every link, and that a create leads to all that can be done with what it made."""
    known = {one["operationId"].value: one for one in operations(tree)}
    for status, response in operation["responses"].items():
        linked = {}
        for link in response["links"].children() if "links" in response else ():
            identifier = link["operationId"].value
            if identifier in known:
                linked[identifier] = link
                yield from _link_parameter_faults(link, known[identifier], response)
            else:
                yield link.fault("the link leads to no operation")
        if status == "201":
            yield from _missing_links(operation, response, linked, known)


def _link_parameter_faults(link: Place, target: Place, response: Place) -> Iterator[Fault]:
    names = {one["name"].value for one in parameters(target)}
    for name, expression in link.get("parameters", {}).items():
        if name not in names:
            yield link.fault(f"{target['operationId'].value} has no parameter {name}")
        if _is_from_body(expression) and not any(
            _leads_to(expression, body) for body in _bodies(response)
        ):
            yield link.fault(f"{expression} is in no example of the response")


def _missing_links(
    operation: Place, response: Place, linked: dict[str, Place], known: dict[str, Place]
) -> Iterator[Fault]:
    """Return which operations a create names the object of, but has no link to."""
    made = {
        name
        for link in linked.values()
        for name, expression in link.get("parameters", {}).items()
        if _is_from_body(expression)
    }
    if not made:
        yield response.fault("a create links to what can follow")
    for identifier, target in known.items():
        needed = _path_names(target)
        if needed & made and needed <= made | _path_names(operation) and identifier not in linked:
            yield response.fault(f"a link to {identifier} is missing")


def _is_from_body(expression: str) -> bool:
    return expression.startswith("$response.body#")


def _path_names(operation: Place) -> set[str]:
    return {one["name"].value for one in parameters(operation) if one["in"].value == "path"}


def _bodies(response: Place) -> Iterator[Any]:
    for media in response["content"].children():
        yield from (example.value for example in examples(media))


def _leads_to(expression: str, body: Any) -> bool:
    for part in expression.partition("#/")[2].split("/"):
        try:
            body = body[int(part) if isinstance(body, list) else part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _unused_components(tree: Place) -> Iterator[Fault]:
    used = set(references(tree.value))
    for security in _securities(tree):
        used |= {f"#/components/securitySchemes/{name}" for name in security}
    for kind in tree["components"].children():
        for name in kind.value:
            if f"#/components/{kind.path[-1]}/{name}" not in used:
                yield Fault((*kind.path, name), "nothing refers to this")


def _securities(tree: Place) -> Iterator[dict[str, Any]]:
    for place in (tree, *operations(tree)):
        yield from place.get("security") or ()


def main() -> int:
    """Lint the contract of this checkout."""
    try:
        found = lint(parse_yaml((ROOT / "openapi.yaml").read_bytes()))
    except DanglingReferenceError as dangling:
        print(f"openapi.yaml {dangling}")
        return 1
    for fault in found:
        print(f"openapi.yaml {fault}")
    print(f"{len(found)} faults" if found else "The contract is a true map.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
