"""Every place where the engine touches what Connexion keeps to itself; tests hold each.

Connexion finds operations, resolves references, refuses requests without a key and hands errors
on. Its own routing, validation and calling of handlers are replaced.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs
from starlette.types import Scope

from projects_api.contract.lean_connexion import (
    API,
    ROUTING_CONTEXT,
    AbstractOperation,
    AbstractSecurityHandler,
    ConnexionMiddleware,
    ConnexionRequest,
    ExceptionMiddleware,
    LifespanMiddleware,
    OpenAPISpecification,
    Resolver,
    RoutedAPI,
    RoutedMiddleware,
    SecurityMiddleware,
    Specification,
)
from projects_api.contract.operation import BoundOperation
from projects_api.contract.problems import Unauthenticated
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


class BearerToken(AbstractSecurityHandler):
    """Connexion's handler for bearer tokens, bound here so that the contract names no Python."""

    def get_fn(
        self, _security_scheme: dict[str, Any], _required_scopes: list[str]
    ) -> Callable[[ConnexionRequest], dict[str, str]]:
        """Return the function that finds the token of a request."""
        return _find_token


SECURITY_MAP: Mapping[str, type[AbstractSecurityHandler]] = {"bearer": BearerToken}


def behind_routing(layers: Sequence[Any]) -> Sequence[Any]:
    """Return the layers behind routing: an application's own, then key and operation."""
    return [*layers, SecurityMiddleware, OperationsMiddleware]


def mark_routed(scope: Scope, operation_id: str | None) -> None:
    """Leave in a request's scope what Connexion's own routing would."""
    routing = {"api_base_path": "", "operation_id": operation_id}
    scope.setdefault("extensions", {})[ROUTING_CONTEXT] = routing


def _find_token(request: ConnexionRequest) -> dict[str, str]:
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    # Of two, a proxy may have judged the other one.
    if len(sent) == 1:
        scheme, _, token = sent[0].decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and token.isascii() and token.strip():
            return {"token": token.strip()}
    raise Unauthenticated
