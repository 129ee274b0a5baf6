"""The two ways to the tools: standard input and output, and HTTP on the server itself."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.agents.calls import SECONDS, Caller
from projects_api.agents.server import Context, Scopes, make_server
from projects_api.contract.problems import TooLarge, Unauthenticated, UnsupportedMediaType

MOST_REQUEST_BYTES = 4 * 1024 * 1024
"""Bytes of a message; larger files go to the operation itself."""


def serve_stdio(url: str, key: str) -> None:
    """Serve whoever started this process, with its key, until its input ends."""

    async def serve() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=SECONDS) as client:
            caller = Caller(client, key, url)
            server = make_server(lambda _: caller, Scopes(), local=True)
            async with stdio_server() as (reader, writer):
                await server.run(reader, writer, server.create_initialization_options())

    anyio.run(serve)


class AgentsPage:
    """`/mcp`: each message comes with a key, with which tools call the application itself.

    No sessions are kept, so that any process of the server takes any message.
    """

    def __init__(self, application: Callable[[], ASGIApp], public_url: str) -> None:
        """Take the application, which is whole only later, and how callers reach the server."""
        # What tools send is in the log as requests of the server.
        for name in ("httpx", "mcp"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._application = application
        self._public_url = public_url
        self._scopes = Scopes()
        server = make_server(self._caller_of, self._scopes, local=False)
        self._manager = StreamableHTTPSessionManager(
            server, stateless=True, max_request_body_size=MOST_REQUEST_BYTES
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take messages while the block runs."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a message.

        Raises `Unauthenticated` where the server does not take its key, `TooLarge`, and
        `UnsupportedMediaType`, where the library would answer with plain text.
        """
        request = Request(scope)
        caller = self._caller(request)
        if not caller.key or await self._scopes.of(caller) is None:
            raise Unauthenticated
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise UnsupportedMediaType("Send a message as application/json.")
        await self._manager.handle_request(scope, _bounded(scope, receive), send)

    def _caller_of(self, context: Context) -> Caller:
        request: Any = context.request
        return self._caller(request)

    def _caller(self, request: Request) -> Caller:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        address = request.client or ("127.0.0.1", 0)
        # The address of who asks, for limits and records.
        transport = httpx.ASGITransport(
            self._application(), raise_app_exceptions=False, client=(address[0], address[1])
        )
        base = f"{request.url.scheme}://{request.url.netloc}"
        client = httpx.AsyncClient(transport=transport, base_url=base, timeout=SECONDS)
        is_bearer = scheme.lower() == "bearer"
        return Caller(client, key.strip() if is_bearer else "", self._public_url or base)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Bound a message as the library does, but with a problem."""
    declared = Request(scope).headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_REQUEST_BYTES:
        raise _too_large()
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_REQUEST_BYTES:
            raise _too_large()
        return message

    return bounded


def _too_large() -> TooLarge:
    return TooLarge(
        f"Send messages of at most {MOST_REQUEST_BYTES} bytes. A larger file goes to the operation"
        " itself, as a form."
    )
