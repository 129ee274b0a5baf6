"""Routing: which operation of the contract a request means.

It stands where Connexion's own routing stands and leaves the same mark in the scope. It exists
because a method that a path does not have must be answered with all the methods that it has.
"""

import re
from typing import Any
from urllib.parse import unquote

from connexion.middleware.abstract import SpecMiddleware
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from projects_api.contract.connexion_seams import mark_routed
from projects_api.contract.problems import MethodNotAllowed
from projects_api.contract.rules import OPERATION

_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})


class RoutingMiddleware(SpecMiddleware):
    """Marks each request with the operation that it means, if the contract has one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._fixed: dict[str, dict[str, str]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, str]]] = []

    def add_api(self, specification: Specification, **_options: Any) -> None:
        """Read the paths of the contract."""
        for path, item in specification["paths"].items():
            methods = {
                method.upper(): operation["operationId"]
                for method, operation in item.items()
                if method in _METHODS
            }
            if "{" in path:
                pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
                self._templates.append((re.compile(pattern), methods))
            else:
                self._fixed[path] = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the request and pass it on; a method that the path lacks is a problem."""
        if scope["type"] == "http":
            methods, parameters = self._match(scope)
            operation_id = methods.get(scope["method"]) if methods else None
            if methods and not operation_id:
                allowed = ", ".join(methods)
                raise MethodNotAllowed(f"This path takes {allowed}.", headers={"Allow": allowed})
            scope["path_params"] = parameters
            if operation_id:
                scope[OPERATION] = operation_id
            mark_routed(scope, operation_id)
        await self.app(scope, receive, send)

    def _match(self, scope: Scope) -> tuple[dict[str, str] | None, dict[str, str]]:
        path = scope["path"]
        if fixed := self._fixed.get(path):
            return fixed, {}
        # The raw path, because an escaped slash belongs to a value and separates nothing.
        raw = scope.get("raw_path") or path.encode()
        text = raw.decode("ascii", "replace")
        for pattern, methods in self._templates:
            if match := pattern.fullmatch(text):
                found = match.groupdict()
                return methods, {name: unquote(value) for name, value in found.items()}
        return None, {}
