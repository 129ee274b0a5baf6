"""The application: the contract served with this API's handlers, rules and layers."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from anyio import to_thread
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from projects_api.app.documentation import documentation_routes
from projects_api.app.maintenance import maintain
from projects_api.app.observability import ObservabilityMiddleware
from projects_api.app.services import Services
from projects_api.contract.serving import serve
from projects_api.contract.support import METHODS
from projects_api.openapi import contract, contract_text
from projects_api.settings import Settings

HANDLERS = "projects_api.handlers"


def create_application(
    settings: Settings, *, layers: Sequence[Any] = (), routes: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """Assemble the server; raises where contract and handlers disagree.

    `layers` stand behind routing, and `routes` beside those of the documents.
    """
    services = Services.from_settings(settings)
    documents = documentation_routes(contract_text(), contract(), settings.public_url)
    return serve(
        contract(),
        HANDLERS,
        services.rules,
        routes=[*documents, Route("/metrics", _metrics), *routes],
        outer=_outer_layers(settings, services),
        inner=layers,
        lifespan=partial(_lifespan, services),
    )


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


def _methods() -> list[str]:
    """List the methods that the contract has, in the order of `METHODS`."""
    used = {method for item in contract()["paths"].values() for method in item}
    return [method.upper() for method in METHODS if method in used]


def _outer_layers(settings: Settings, services: Services) -> list[Any]:
    tls, refusals = settings.tls_key is not None, services.refusals
    layers: list[Any] = [partial(ObservabilityMiddleware, tls=tls, refusals=refusals)]
    if settings.cors_origins:
        layers.append(
            partial(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=_methods(),
                allow_headers=_REQUEST_HEADERS,
                expose_headers=_RESPONSE_HEADERS,
                max_age=600,
            )
        )
    return layers


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


def _metrics(_request: Request) -> Response:
    registry = None
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(registry or REGISTRY)
    return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})
