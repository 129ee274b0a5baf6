"""An application made of a contract, its handlers and its rules."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from projects_api.contract.body import ClientGone
from projects_api.contract.connexion_seams import (
    BEFORE_ROUTING,
    Application,
    HandlerResolver,
    OperationsMiddleware,
)
from projects_api.contract.lean_connexion import (
    ConnexionRequest,
    ConnexionResponse,
)
from projects_api.contract.problems import (
    MEDIA_TYPE,
    InternalError,
    MalformedBody,
    Problem,
    Unauthenticated,
)
from projects_api.contract.resolver import TagResolver, operations
from projects_api.contract.routing import RoutingMiddleware
from projects_api.contract.rules import OPERATION, REQUEST_ID, Rules
from projects_api.contract.support import check_supported

_log = structlog.get_logger()


def serve(
    contract: dict[str, Any],
    handlers: str,
    rules: Rules,
    *,
    routes: Sequence[BaseRoute] = (),
    outer: Sequence[Any] = (),
    inner: Sequence[Any] = (),
    lifespan: Callable[[Any], Any] | None = None,
) -> ASGIApp:
    """Make an application; raises where contract, handlers and rules disagree.

    `handlers` is a package whose modules are named as the contract's tags. `routes` are served
    beside the contract's paths. `outer` layers see all that comes and goes; `inner` ones requests
    of the contract, whose operation is known and whose key is not yet.
    """
    check_supported(contract)
    resolver = TagResolver(contract, handlers)

    async def nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise rules.not_found(None)

    app = Application(
        Router(routes, redirect_slashes=False, default=nowhere),
        lifespan=lifespan,
        middlewares=[*outer, *BEFORE_ROUTING, RoutingMiddleware, *inner, OperationsMiddleware],
        resolver=HandlerResolver(resolver.find),
    )
    _Problems(contract, rules).register(app)
    app.assemble(contract, rules)
    resolver.check_complete()
    assembled: ASGIApp = app
    return assembled


class _Problems:
    """Writes every error as a problem, in one place."""

    def __init__(self, contract: Mapping[str, Any], rules: Rules) -> None:
        self._rules = rules
        self._declared = {one["operationId"]: set(one["responses"]) for one in operations(contract)}

    def register(self, app: Application) -> None:
        """Take over every exception that reaches Connexion's error layer."""
        app.add_error_handler(Problem, self.answer)
        app.add_error_handler(ClientGone, self.answer_gone)
        for known in self._rules.problems:
            app.add_error_handler(known, self.answer_known)
        app.add_error_handler(Exception, self.answer_bug)

    async def answer(self, request: ConnexionRequest, problem: Problem) -> ConnexionResponse:
        """Write a problem; one that the operation does not declare is a bug of ours."""
        declared = self._declared.get(request.scope.get(OPERATION, ""))
        request_id = request.scope.get(REQUEST_ID)
        if isinstance(problem, InternalError) and problem.breach:
            _log.error("response_breaks_contract", request_id=request_id, **problem.breach)
        if declared and not problem.of_http and str(problem.status) not in declared:
            told = {"status": problem.status, "slug": problem.slug}
            _log.error("undeclared_problem", request_id=request_id, **told)
            problem = InternalError()
        if isinstance(problem, Unauthenticated):
            problem.headers["WWW-Authenticate"] = f'Bearer realm="{self._rules.name}"'
        document = problem.as_document(self._rules.name, request_id)
        return ConnexionResponse(
            status_code=problem.status,
            mimetype=MEDIA_TYPE,
            headers=problem.headers,
            body=orjson.dumps(document),
        )

    async def answer_gone(self, request: ConnexionRequest, _error: ClientGone) -> ConnexionResponse:
        """Write, to nobody, that the body never came."""
        return await self.answer(request, MalformedBody("The body ended early."))

    async def answer_known(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        """Write what an error of the application is to a caller; log what is no fault of theirs."""
        problem = next(
            made for kind, made in self._rules.problems.items() if isinstance(error, kind)
        )
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error(problem.slug, request_id=request.scope.get(REQUEST_ID), error=str(error))
        return await self.answer(request, problem())

    async def answer_bug(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        """Log an error that nothing expected."""
        _log.error("unhandled_error", request_id=request.scope.get(REQUEST_ID), exc_info=error)
        return await self.answer(request, InternalError())
