"""Compressed answers for callers that ask: JSON that is large enough to be worth it.

Files pass as they are, for they are compressed already, and so do answers with an ETag, which names
these very bytes (RFC 9110, section 8.8.3).
"""

import gzip

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES = 8 * 1024
"""Bytes of a body from which on it is compressed."""
_MOST_BYTES_HERE = 128 * 1024
"""Bytes that are compressed on the event loop; more would hold others up."""


class CompressionMiddleware:
    """Compresses whole JSON answers with gzip."""

    def __init__(self, app: ASGIApp, level: int) -> None:
        """Take the level, of 1 to 9."""
        self._app = app
        self._level = level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._level, accepts=accepts_gzip(Headers(scope=scope)))
        await self._app(scope, receive, answer.send)


class _Answer:
    """An answer, whose head waits for its body where that is to be compressed."""

    def __init__(self, send: Send, level: int, *, accepts: bool) -> None:
        self._send = send
        self._level = level
        self._accepts = accepts
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Take the next part of the answer."""
        if message["type"] == "http.response.start" and _is_worth_it(message):
            headers = MutableHeaders(raw=message["headers"])
            headers.add_vary_header("Accept-Encoding")
            message["headers"] = headers.raw
            if self._accepts:
                self._head = message
                return
        elif self._head is not None:
            head, self._head = self._head, None
            headers = MutableHeaders(raw=head["headers"])
            body = message.get("body", b"")
            if body and not message.get("more_body"):
                message["body"] = await self._compress(body)
                headers["Content-Encoding"] = "gzip"
                headers["Content-Length"] = str(len(message["body"]))
            elif not body:
                # To HEAD; how long it would be is not known without it (RFC 9110, section 9.3.2).
                headers["Content-Encoding"] = "gzip"
                del headers["Content-Length"]
            await self._send(head)
        await self._send(message)

    async def _compress(self, body: bytes) -> bytes:
        if len(body) > _MOST_BYTES_HERE:
            return await to_thread.run_sync(gzip.compress, body, self._level)
        return gzip.compress(body, self._level)


def _is_worth_it(head: Message) -> bool:
    headers = Headers(raw=head["headers"])
    length = headers.get("content-length", "")
    return (
        headers.get("content-type", "").partition(";")[0] == "application/json"
        and length.isdigit()
        and int(length) >= LEAST_BYTES
        and not {"etag", "content-encoding"} & set(headers.keys())
    )


def accepts_gzip(headers: Headers) -> bool:
    """Return whether a caller asks for gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in ",".join(headers.getlist("accept-encoding")).split(","):
        coding, _, parameter = part.partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            given = float(weight) if name.lower() == "q" else 1.0
        except ValueError:
            given = 0.0
        weights[coding.strip().lower()] = given
    named = [weights[name] for name in ("gzip", "x-gzip") if name in weights]
    return max(named) > 0 if named else weights.get("*", 0.0) > 0
