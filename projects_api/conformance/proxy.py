"""A proxy before any server: it passes everything on as it is, and has each exchange judged.

Bodies flow through piece by piece, at the speed of whoever is slower.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import orjson
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from projects_api.conformance.exchange import Budget, Exchange, Headers
from projects_api.contract.problems import MEDIA_TYPE

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Of one connection only (RFC 9110, section 7.6.1); what is expected, this end has answered."""
_MOST_CONNECTIONS = 256
_CONNECT_SECONDS = 10
_IDLE_SECONDS = 2
"""Less than servers keep an idle connection: a request must not meet its end."""
_ADDED_BY_CLIENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_SLUGS = {502: "bad-gateway", 504: "gateway-timeout"}

_GONE = "never came whole"

Note = Callable[[Exchange], Awaitable[None]]


class _ClientGone(OSError):
    """The client left before its request was whole."""


class Proxy:
    """An ASGI application; `note` gets each exchange before its answer ends."""

    def __init__(self, upstream: str, note: Note, *, seconds: float = 300.0) -> None:
        """Take the server's address and the longest silence of it that is waited for."""
        self._upstream = upstream.rstrip("/")
        self._note = note
        self._seconds = seconds
        self._budget = Budget()
        self._client: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            exchange = _begin(scope)
            try:
                await self._pass(exchange, receive, send)
            finally:
                exchange.body.close(self._budget)
                exchange.answer.close(self._budget)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=self._seconds
        )
        # Compressed bodies and cookies pass as they are.
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(
                limit=_MOST_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS
            ),
            skip_auto_headers=_ADDED_BY_CLIENT,
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _pass(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        assert self._client is not None
        answer = _Answer(exchange, send)
        try:
            async with self._client.request(
                exchange.method,
                URL(self._upstream + exchange.target, encoded=True),
                headers=[
                    (_text(name), _text(value)) for name, value in _passed_on(exchange.headers)
                ],
                data=self._body(exchange, receive) if _has_body(exchange.headers) else None,
                allow_redirects=False,
            ) as upstream:
                exchange.status = upstream.status
                exchange.answer_headers = [
                    (name.lower(), value) for name, value in upstream.raw_headers
                ]
                await answer.begin()
                async for piece in upstream.content.iter_any():
                    exchange.answer.add(piece, self._budget)
                    await answer.add(piece)
        except TimeoutError:
            exchange.failure = "the server did not answer in time"
            await self._fail(exchange, answer, 504)
            return
        except (aiohttp.ClientError, OSError):
            if exchange.body.unknown == _GONE:
                return
            began = "ended its answer early" if answer.has_begun else "could not be reached"
            exchange.failure = f"the server {began}"
            await self._fail(exchange, answer, 502)
            return
        await self._end(exchange)
        await answer.end()

    async def _body(self, exchange: Exchange, receive: Receive) -> AsyncIterator[bytes]:
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                # Whoever is gone waits for no answer; the server must not take half for all.
                exchange.body.unknown = _GONE
                raise _ClientGone
            if piece := message.get("body", b""):
                exchange.body.add(piece, self._budget)
                yield piece
            more = message.get("more_body", False)

    async def _fail(self, exchange: Exchange, answer: "_Answer", status: int) -> None:
        await self._end(exchange)
        if answer.has_begun:
            raise ConnectionAbortedError(exchange.failure)
        document = {
            "type": f"urn:projects-api:problem:{_SLUGS[status]}",
            "title": "The server behind the proxy does not answer",
            "status": status,
            "detail": f"Look after the server that --upstream names: {exchange.failure}.",
        }
        content = orjson.dumps(document)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        await answer.send_head(status, headers)
        await answer.send({"type": "http.response.body", "body": content})

    async def _end(self, exchange: Exchange) -> None:
        exchange.seconds = time.time() - exchange.began
        await self._note(exchange)


class _Answer:
    """An answer on its way to the client."""

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self._exchange = exchange
        self.send = send
        self.has_begun = False

    async def begin(self) -> None:
        """Send the head."""
        headers = _passed_on(self._exchange.answer_headers)
        await self.send_head(self._exchange.status, headers)

    async def send_head(self, status: int, headers: Headers) -> None:
        """Send a head."""
        self.has_begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def add(self, piece: bytes) -> None:
        """Send the next bytes."""
        await self.send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        """Send the end."""
        await self.send({"type": "http.response.body", "body": b""})


def _begin(scope: Scope) -> Exchange:
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    return Exchange(scope["method"], target, list(scope["headers"]), began=time.time())


def _has_body(headers: Headers) -> bool:
    found = dict(headers)
    return b"transfer-encoding" in found or found.get(b"content-length", b"0") != b"0"


def _passed_on(headers: Headers) -> Headers:
    """Leave out what is of one connection, also what `Connection` says is; and Host, a server's."""
    named = {
        name.strip().lower()
        for field, value in headers
        if field == b"connection"
        for name in value.split(b",")
    }
    left_out = _HOP_BY_HOP | named | {b"host"}
    return [(name, value) for name, value in headers if name not in left_out]


def _text(value: bytes) -> str:
    """Decode as the client library encodes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
