"""Every place where the engine touches what Connexion keeps to itself; tests hold each.

Connexion finds operations, resolves references and hands errors on. Its own routing, security,
validation and calling of handlers are replaced.
"""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
from starlette.types import Scope

from projects_api.contract.lean_connexion import (
    API,
    ROUTING_CONTEXT,
    AbstractOperation,
    ConnexionMiddleware,
    ExceptionMiddleware,
    LifespanMiddleware,
    OpenAPISpecification,
    Resolver,
    RoutedAPI,
    RoutedMiddleware,
    Specification,
)
from projects_api.contract.operation import BoundOperation
from projects_api.contract.rules import Rules

BEFORE_ROUTING = (ExceptionMiddleware, LifespanMiddleware)


class CheckedSpecification(OpenAPISpecification):
    """The contract as Connexion holds it, which would take longer to check it than all else."""

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        """Check it against OpenAPI's schema, by compiled code; raises ValueError."""
        jsonschema_rs.Draft4Validator(cls.openapi_schema).validate(spec)


class Application(ConnexionMiddleware):
    """Connexion's application, which would compile nothing before its first event."""

    def assemble(self, contract: dict[str, Any], rules: Rules) -> None:
        """Compile every operation now, so that a fault is one of the start."""
        specification = CheckedSpecification(contract)
        self.apis.append(API(specification, base_path="", **vars(self.options), rules=rules))
        self.app, self.middleware_stack = self._build_middleware_stack()


class OperationsAPI(RoutedAPI[BoundOperation]):
    """The operations of the contract, by id."""

    def __init__(self, specification: Specification, *, rules: Rules, **options: Any) -> None:
        super().__init__(specification, **options)
        self.rules = rules
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> BoundOperation:
        """Compile an operation."""
        return BoundOperation(self.specification, operation, self.rules)


class OperationsMiddleware(RoutedMiddleware[OperationsAPI]):
    """Connexion's place for what happens to a routed request."""

    api_cls = OperationsAPI


class HandlerResolver(Resolver):
    """Gives Connexion the handlers that `resolver` finds."""

    def __init__(self, find: Callable[[str], Callable[..., Any]]) -> None:
        super().__init__()
        self.resolve_function_from_operation_id = find


def mark_routed(scope: Scope, operation_id: str | None) -> None:
    """Leave in a request's scope what Connexion's own routing would."""
    routing = {"api_base_path": "", "operation_id": operation_id}
    scope.setdefault("extensions", {})[ROUTING_CONTEXT] = routing
