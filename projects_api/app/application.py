"""The application: the layers that a request passes, put together from the contract."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import jsonschema_rs
import orjson
import structlog
from anyio import to_thread
from connexion import ConnexionMiddleware
from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from connexion.middleware.security import SecurityMiddleware
from connexion.spec import OpenAPISpecification
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from projects_api.access.authentication import SECURITY_MAP
from projects_api.app.documentation import documentation_routes
from projects_api.app.maintenance import maintain
from projects_api.app.observability import OPERATION, REQUEST_ID, ObservabilityMiddleware
from projects_api.app.services import Services
from projects_api.contract.bodies import ClientGone
from projects_api.contract.enforcement import EnforcementMiddleware
from projects_api.contract.problems import (
    MEDIA_TYPE,
    InternalError,
    MalformedBody,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from projects_api.contract.resolver import TagResolver, operations
from projects_api.contract.routing import RoutingMiddleware
from projects_api.files.spool import StorageUnavailable
from projects_api.openapi import contract, contract_text
from projects_api.settings import Settings

_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout, StorageUnavailable)
_log = structlog.get_logger()


def create_application(
    settings: Settings, *, layers: Sequence[Any] = (), routes: Sequence[Route] = ()
) -> ASGIApp:
    """Assemble the server; raises where contract and handlers disagree.

    `layers` stand behind routing, and `routes` beside those of the documents.
    """
    services = Services.from_settings(settings)
    resolver = TagResolver(contract(), "projects_api.handlers")
    app = _Application(
        Router(_open_routes(settings, routes), default=_not_found),
        lifespan=partial(_lifespan, services),
        middlewares=[*_outer_layers(settings), *_inner_layers(layers)],
        resolver=resolver,
        security_map=SECURITY_MAP,
    )
    _Problems().register(app)
    app.assemble(services)
    resolver.check_complete()
    assembled: ASGIApp = app
    return assembled


class _Specification(OpenAPISpecification):
    """The contract as Connexion holds it, which would take longer to check it than all else."""

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        """Check it against OpenAPI's schema, by compiled code; raises ValueError."""
        jsonschema_rs.Draft4Validator(cls.openapi_schema).validate(spec)


class _Application(ConnexionMiddleware):
    """Connexion's application, which would compile nothing before its first event."""

    def assemble(self, services: Services) -> None:
        """Compile every operation now, so that a fault is one of the start."""
        specification = _Specification(contract())
        self.apis.append(API(specification, base_path="", **vars(self.options), services=services))
        self.app, self.middleware_stack = self._build_middleware_stack()


_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
)
_RESPONSE_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "X-Request-Id",
)


def _outer_layers(settings: Settings) -> list[Any]:
    layers: list[Any] = [partial(ObservabilityMiddleware, tls=settings.tls_key is not None)]
    if settings.cors_origins:
        layers.append(
            partial(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=_REQUEST_HEADERS,
                expose_headers=_RESPONSE_HEADERS,
                max_age=600,
            )
        )
    return layers


def _inner_layers(layers: Sequence[Any]) -> list[Any]:
    return [
        ExceptionMiddleware,
        LifespanMiddleware,
        RoutingMiddleware,
        *layers,
        SecurityMiddleware,
        EnforcementMiddleware,
    ]


@asynccontextmanager
async def _lifespan(services: Services, _app: object) -> AsyncIterator[None]:
    maintenance = asyncio.create_task(maintain(services))
    try:
        yield
    finally:
        maintenance.cancel()
        with suppress(asyncio.CancelledError):
            await maintenance
        await to_thread.run_sync(services.close)


def _open_routes(settings: Settings, routes: Sequence[Route]) -> list[Any]:
    documentation = documentation_routes(contract_text(), contract(), settings.public_url)
    return [*documentation, Route("/metrics", _metrics), *routes]


def _metrics(_request: Request) -> Response:
    registry = None
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(registry or REGISTRY)
    return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFound


class _Problems:
    """Writes every error as a problem, in one place."""

    def __init__(self) -> None:
        self.declared = {
            one["operationId"]: set(one["responses"]) for one in operations(contract())
        }

    def register(self, app: ConnexionMiddleware) -> None:
        """Take over every exception that reaches Connexion's error layer."""
        app.add_error_handler(Problem, self.answer)
        app.add_error_handler(ProblemException, self.answer_unauthenticated)
        app.add_error_handler(ClientGone, self.answer_gone)
        for unavailable in _UNAVAILABLE:
            app.add_error_handler(unavailable, self.answer_unavailable)
        app.add_error_handler(Exception, self.answer_bug)

    async def answer(self, request: ConnexionRequest, problem: Problem) -> ConnexionResponse:
        """Write a problem; one that the operation does not declare is a bug of ours."""
        declared = self.declared.get(request.scope.get(OPERATION, ""))
        if declared and str(problem.status) not in declared:
            _log.error("undeclared_problem", status=problem.status, slug=problem.slug)
            problem = InternalError()
        return ConnexionResponse(
            status_code=problem.status,
            mimetype=MEDIA_TYPE,
            headers=problem.headers,
            body=orjson.dumps(problem.as_document(request.scope[REQUEST_ID])),
        )

    async def answer_unauthenticated(
        self, request: ConnexionRequest, _error: ProblemException
    ) -> ConnexionResponse:
        """Write what Connexion's security layer refuses."""
        return await self.answer(request, Unauthenticated())

    async def answer_gone(self, request: ConnexionRequest, _error: ClientGone) -> ConnexionResponse:
        """Write, to nobody, that the body never came."""
        return await self.answer(request, MalformedBody("The body ended early."))

    async def answer_unavailable(
        self, request: ConnexionRequest, error: Exception
    ) -> ConnexionResponse:
        """Write that the database or the artifact store does not answer, and log why."""
        _log.error("unavailable", request_id=request.scope[REQUEST_ID], error=str(error))
        return await self.answer(request, Unavailable())

    async def answer_bug(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        """Log an error that nothing expected."""
        _log.error("unhandled_error", request_id=request.scope[REQUEST_ID], exc_info=error)
        return await self.answer(request, InternalError())
