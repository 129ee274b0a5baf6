"""The application: the contract served with this API's handlers, rules and layers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from projects_api import tracing
from projects_api.app.compression import CompressionMiddleware
from projects_api.app.cross_origin import CrossOriginMiddleware
from projects_api.app.maintenance import maintain, note_key_uses, renew_claims, send_webhooks
from projects_api.app.observability import ObservabilityMiddleware
from projects_api.app.pages.console import BrowserErrorsMiddleware, console_routes
from projects_api.app.pages.documentation import documentation_routes
from projects_api.app.pools import keep_noting, note_pools
from projects_api.app.proxies import PrefixMiddleware, ProxiesMiddleware
from projects_api.app.scraping import MetricsPage
from projects_api.app.services import Services
from projects_api.app.tracing_layer import TracingMiddleware
from projects_api.contract.routing import Page
from projects_api.contract.serving import serve
from projects_api.contract.support import METHODS
from projects_api.openapi import contract, contract_text
from projects_api.settings import Settings

if TYPE_CHECKING:
    from projects_api.agents.transports import AgentsPage

HANDLERS = "projects_api.handlers"
AGENTS_PATH = "/mcp"
AGENTS_METHODS = ["POST"]
"""Without sessions there is nothing to listen to, and nothing to end."""


def create_application(
    settings: Settings,
    *,
    layers: Sequence[Any] = (),
    outer_layers: Sequence[Any] = (),
    routes: Sequence[BaseRoute] = (),
    request_headers: Sequence[str] = (),
) -> ASGIApp:
    """Assemble the server; raises where contract and handlers disagree.

    `layers` stand behind routing, `outer_layers` around what answers problems, and `routes` beside
    those of the documents. Other origins may send `request_headers` beside the usual ones.
    """
    services = Services.from_settings(settings)
    page = MetricsPage(services.database, services.sampling, partial(note_pools, services))
    documents = documentation_routes(
        contract_text(), contract(), settings.public_url, has_mcp=settings.mcp
    )
    agents = _agents_page(settings, lambda: application) if settings.mcp else None
    application = serve(
        contract(),
        HANDLERS,
        services.rules,
        routes=[
            *documents,
            *console_routes(settings.oidc_issuer, settings.oidc_client_id),
            Page("/metrics", page.page),
            *([Page(AGENTS_PATH, agents, methods=AGENTS_METHODS)] if agents else []),
            *routes,
        ],
        outer=[*_outer_layers(settings, services, request_headers), *outer_layers],
        inner=layers,
        lifespan=partial(_lifespan, services, agents.running if agents else nullcontext),
    )
    return application


def _agents_page(settings: Settings, application: Callable[[], ASGIApp]) -> "AgentsPage":
    # Of the extra `mcp`.
    from projects_api.agents.transports import AgentsPage  # noqa: PLC0415

    return AgentsPage(application, settings.public_url or "")


_REQUEST_HEADERS = (
    "Range",
    "If-Range",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
)
_RESPONSE_HEADERS = (
    "Accept-Ranges",
    "Content-Range",
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
)


def _methods() -> list[str]:
    """List the methods that the contract has, in the order of `METHODS`."""
    used = {method for item in contract()["paths"].values() for method in item}
    return [method.upper() for method in METHODS if method in used]


def _outer_layers(
    settings: Settings, services: Services, request_headers: Sequence[str]
) -> list[Any]:
    tls, refusals = settings.tls_key is not None, services.refusals
    layers: list[Any] = [partial(ObservabilityMiddleware, tls=tls, refusals=refusals)]
    if settings.trusted_proxies:
        layers.insert(0, partial(ProxiesMiddleware, trusted=settings.trusted_proxies))
    if prefix := urlsplit(settings.public_url or "").path.rstrip("/"):
        layers.append(partial(PrefixMiddleware, prefix=prefix))
    if tracing.is_on():
        layers.append(TracingMiddleware)
    if settings.compression:
        layers.append(partial(CompressionMiddleware, level=settings.compression))
    layers.append(BrowserErrorsMiddleware)
    if settings.cors_origins:
        layers.append(
            partial(
                CrossOriginMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=_methods(),
                allow_headers=[*_REQUEST_HEADERS, *request_headers],
                expose_headers=_RESPONSE_HEADERS,
                max_age=600,
            )
        )
    return layers


_LOOPS = (maintain, renew_claims, note_key_uses, keep_noting, send_webhooks)


@asynccontextmanager
async def _lifespan(
    services: Services, agents: Callable[[], AbstractAsyncContextManager[None]], _app: object
) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one(services)) for one in _LOOPS]
    try:
        async with agents():
            yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await to_thread.run_sync(services.close)
