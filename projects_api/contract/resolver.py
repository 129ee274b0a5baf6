"""The map from the contract to the handlers, proved at start-up.

The operationId is the plain name of a function, and the operation's tag names its module.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, get_args

Handler = Callable[..., Any]


class MismatchError(ValueError):
    """Contract and handlers disagree.

    No `ResolverError`, for Connexion passes over those in silence where its routing is replaced.
    """


class TagResolver:
    """Finds the function `list_projects` with the tag `projects` in `handlers.projects`."""

    def __init__(self, contract: Mapping[str, Any], package: str) -> None:
        self.modules = {
            operation["operationId"]: f"{package}.{operation['tags'][0]}"
            for operation in operations(contract)
        }

    def find(self, operation_id: str) -> Handler:
        """Import the handler; raises `MismatchError` where there is none."""
        module = self.modules[operation_id]
        try:
            handler: Handler = getattr(import_module(module), operation_id)
        except (ImportError, AttributeError) as error:
            raise MismatchError(f"{operation_id} has no handler in {module}: {error}") from error
        return handler

    def check_complete(self) -> None:
        """Refuse a public function of a handler module that no operation is bound to."""
        for name in sorted(set(self.modules.values())):
            module = import_module(name)
            unbound = {
                function
                for function in _public_functions(module)
                if self.modules.get(function) != name
            }
            if unbound:
                raise MismatchError(f"{name} has functions without operation: {sorted(unbound)}")


def operations(contract: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation object of the contract in its order."""
    for item in contract["paths"].values():
        yield from (
            part for part in item.values() if isinstance(part, dict) and "operationId" in part
        )


def resolved(contract: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow the references of a part within the contract."""
    while "$ref" in part:
        found: Any = contract
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def taken_names(handler: Handler) -> frozenset[str]:
    """Return the names that a handler takes."""
    return frozenset(_parameters(handler))


def check_signature(
    handler: Handler,
    declared: Collection[str],
    *,
    always_present: Collection[str],
    injected: Collection[str],
    used_up: Collection[str],
) -> None:
    """Compare a handler's parameters with the contract; raises `MismatchError`.

    `always_present` are the declared names that every request has; the others need a default in
    Python. `injected` are what it may take beside them, `used_up` what it need not take. What a
    handler takes together is a `TypedDict` of names that may be left out.
    """
    parameters = _parameters(handler)
    strange = set(parameters) - set(declared) - set(injected)
    ignored = set(declared) - set(parameters) - set(used_up)
    missing = {
        name
        for name in set(parameters) & set(declared) - set(always_present)
        if parameters[name] is inspect.Parameter.empty
    }
    if strange or ignored or missing:
        raise MismatchError(
            f"{handler.__name__} and the contract disagree: unknown to the contract: "
            f"{sorted(strange)}; unknown to the handler: {sorted(ignored)}; optional in the "
            f"contract but without default in the handler: {sorted(missing)}"
        )


def _public_functions(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_":
            yield name


def _parameters(handler: Handler) -> dict[str, Any]:
    """Return the names that a handler takes, each with its default."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (together,) = get_args(parameter.annotation)
            found |= dict.fromkeys(together.__optional_keys__)
        else:
            found[name] = parameter.default
    return found
