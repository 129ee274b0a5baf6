"""The same contract, handlers and queries on Connexion as it comes.

`BENCH_VALIDATE_RESPONSES=1` turns its response validation on.
"""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from functools import cache
from typing import Any

from connexion import AsyncApp
from connexion.exceptions import ProblemException
from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver
from connexion.security import BearerSecurityHandler
from sqlalchemy import Connection
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from projects_api.access.access import Access
from projects_api.app.services import Services
from projects_api.contract.conditional import entity_tag
from projects_api.contract.problems import Problem
from projects_api.contract.resolver import TagResolver
from projects_api.contract.responses import File
from projects_api.models import api_key
from projects_api.models.api_key import Caller
from projects_api.models.base import new_id
from projects_api.openapi import contract
from projects_api.settings import Settings
from tools.bench.peers import files
from tools.bench.peers.prepared import prepare_statements

services = Services.from_settings(Settings())
prepare_statements(services.database)


def check_key(token: str) -> dict[str, Any] | None:
    """Find the caller whose key a request carries."""
    with services.database.transaction(writing=False) as connection:
        caller = api_key.authenticate(connection, token)
    return caller and {"sub": caller.user_id, "caller": caller}


class Bearer(BearerSecurityHandler):
    """Connexion's own check of bearer tokens, with the function that it shall call."""

    def _resolve_func(self, _security_scheme: Mapping[str, Any]) -> Callable[..., Any]:
        return check_key


class Operation:
    """A handler, given what the server gives it."""

    def __init__(self, handler: Callable[..., Any], operation: AbstractOperation) -> None:
        declared = contract()["paths"][operation.path][operation.method]
        contents = operation.request_body.get("content", {}).values()
        fields = {name: one for c in contents for name, one in c["schema"]["properties"].items()}
        names = [*fields, *(parameter["name"] for parameter in operation.parameters)]
        self._handler = handler
        self._defaults = {n: one["default"] for n, one in fields.items() if "default" in one}
        self._status = int(next(one for one in declared["responses"] if one.startswith("2")))
        self._writing = bool(fields)
        self._access = Access.from_contract(declared, names)
        self._taken = frozenset(inspect.signature(handler).parameters)

    def __call__(self, **arguments: Any) -> Any:
        """Answer a request whose parameters Connexion has checked."""
        values = {**self._defaults, **arguments.pop("body", {}), **arguments}
        if self._access.scope is None:
            return self._finish(self._handler(**self._chosen(values)))
        caller: Caller = values["token_info"]["caller"]
        source = values.pop("file", None)
        spool = files.spooled(services.artifacts, source.file) if source else nullcontext()
        try:
            with (
                spool as upload,
                services.database.connect(
                    writing=self._writing, snapshot=not self._writing
                ) as connection,
            ):
                result = self._run(connection, caller, {**values, "file": upload})
                connection.commit()
        except Problem as problem:
            raise ProblemException(problem.status, problem.title, problem.detail) from problem
        return self._finish(result)

    def _run(self, connection: Connection, caller: Caller, values: dict[str, Any]) -> Any:
        self._access.check_scope(caller)
        values |= {"connection": connection, "caller": caller, "artifacts": services.artifacts}
        if self._access.role:
            (found, role), resource = self._access.find_project(
                connection, caller, values, lock=self._writing and values["file"] is None
            )
            self._access.check_role(role)
            values |= {"project": found, "role_of_caller": role, **resource}
        if values["file"]:
            connection.rollback()
        return self._handler(**self._chosen(values))

    def _chosen(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name in self._taken}

    def _finish(self, result: Any) -> Any:
        headers = {"X-Request-Id": new_id(), "Content-Type": "application/json"}
        if isinstance(result, File):
            return StreamingResponse(
                result.chunks,
                media_type=result.media_type,
                headers={**headers, "Content-Type": result.media_type, **files.headers_of(result)},
                background=BackgroundTask(result.finish),
            )
        if "project" in result:
            headers["ETag"] = entity_tag(result["project"])
        if self._status == 201:  # noqa: PLR2004 - the status of what was created
            headers["Location"] = "/api"
        return result, self._status, headers


class HandlerResolver(Resolver):
    """Finds a handler as the server does, and gives it what it needs."""

    def __init__(self) -> None:
        super().__init__(TagResolver(contract(), "projects_api.handlers").find)

    def resolve(self, operation: AbstractOperation) -> Resolution:
        """Bind an operation."""
        found = super().resolve(operation)

        @cache
        def bound() -> Operation:
            # At the first request: while Connexion resolves, it has no parameters yet.
            return Operation(found.function, operation)

        # A plain function, for Connexion looks at its parameters.
        def handle(**arguments: Any) -> Any:
            return bound()(**arguments)

        return Resolution(handle, found.operation_id)


def create() -> AsyncApp:
    """Make the application."""
    made = AsyncApp(__name__, security_map={"bearer": Bearer})
    made.add_api(
        deepcopy(contract()),
        base_path="",
        resolver=HandlerResolver(),
        validate_responses=os.environ.get("BENCH_VALIDATE_RESPONSES") == "1",
    )
    return made


app = create()
