"""Routing: which operation of the contract a request means.

It stands where Connexion's own routing stands and leaves the same mark in the scope. It exists
because a method that a path does not have must be answered with all the methods that it has, and
because HTTP has methods that no contract lists: HEAD wherever there is GET, and OPTIONS.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from projects_api.contract.connexion_seams import mark_routed
from projects_api.contract.lean_connexion import Specification, SpecMiddleware
from projects_api.contract.problems import MethodNotAllowed, MethodNotImplemented, Problem
from projects_api.contract.rules import OPERATION

_METHODS = ("get", "put", "post", "delete", "patch")
_RECOGNISED = frozenset({*map(str.upper, _METHODS), "HEAD", "CONNECT", "OPTIONS", "TRACE", "QUERY"})
"""The methods of HTTP (RFC 9110, section 9, RFC 5789, and QUERY); a path may lack them."""
_UNRESERVED = re.compile(r"%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
"""Letters, digits, `-`, `.`, `_` and `~`: escaped they are the same (RFC 3986, 6.2.2.2)."""


class Paths:
    """The paths of a contract: which methods one has, and the parameters that it holds."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, str]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, str]]] = []

    def add(self, specification: Specification | Mapping[str, Any]) -> None:
        """Read the paths of a contract."""
        for path, item in specification["paths"].items():
            methods: dict[str, str] = {}
            for method, operation in item.items():
                if method in _METHODS:
                    methods[method.upper()] = operation["operationId"]
                if method == "get":
                    methods["HEAD"] = operation["operationId"]
            if "{" in path:
                pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
                self._templates.append((re.compile(pattern), methods))
            else:
                self._fixed[path] = methods

    def all_methods(self) -> dict[str, str]:
        """Return the methods that fixed paths have, each once."""
        return {method: "" for one in self._fixed.values() for method in one}

    def match(self, scope: Scope) -> tuple[dict[str, str] | None, dict[str, str]]:
        """Return operations by method, or None, and the parameters of the path."""
        path = scope["path"]
        if fixed := self._fixed.get(path):
            return fixed, {}
        # The raw path, because an escaped slash belongs to a value and separates nothing.
        raw = scope.get("raw_path") or path.encode()
        text = raw.decode("ascii", "replace")
        if "%" in text:
            text = _UNRESERVED.sub(lambda found: unquote(found[0]), text)
        for pattern, methods in self._templates:
            if match := pattern.fullmatch(text):
                found = match.groupdict()
                return methods, {name: unquote(value) for name, value in found.items()}
        return None, {}


class RoutingMiddleware(SpecMiddleware):
    """Marks each request with the operation that it means, if the contract has one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._paths = Paths()

    def add_api(self, specification: Specification, **_options: Any) -> None:
        """Read the paths of the contract."""
        self._paths.add(specification)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the request and pass it on; a method that the path lacks is a problem."""
        if scope["type"] == "http":
            methods, parameters = self._paths.match(scope)
            operation_id = methods.get(scope["method"]) if methods else None
            if not operation_id and await self._has_answered(methods, scope, send):
                return
            scope["path_params"] = parameters
            if operation_id:
                scope[OPERATION] = operation_id
            mark_routed(scope, operation_id)
        await self.app(scope, receive, send)

    async def _has_answered(self, methods: dict[str, str] | None, scope: Scope, send: Send) -> bool:
        """Answer OPTIONS, of the whole server, too; raise what a path of the contract lacks."""
        if scope["path"] == "*":
            methods = self._paths.all_methods()
        if methods:
            await answer_options(methods, scope, send)
        elif scope["method"] not in _RECOGNISED:
            raise MethodNotImplemented
        return bool(methods)


class Page(Route):
    """A route beside the contract's paths, which refuses other methods as these do."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse the method."""
        if self.methods and scope["method"] not in self.methods:
            await answer_options(sorted(self.methods), scope, send)
        else:
            await super().handle(scope, receive, send)


async def answer_options(methods: Iterable[str], scope: Scope, send: Send) -> None:
    """Tell the methods of a path to OPTIONS; raise what refuses any other method."""
    allowed = ", ".join([*methods, "OPTIONS"])
    if scope["method"] != "OPTIONS":
        raise _refusal(scope["method"], allowed)
    headers = [(b"allow", allowed.encode())]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _refusal(method: str, allowed: str) -> Problem:
    if method not in _RECOGNISED:
        return MethodNotImplemented()
    return MethodNotAllowed(f"This path takes {allowed}.", headers={"Allow": allowed})
