"""What every answer carries and leaves behind: a request id, headers, a log line, metrics."""

import os
import re
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.access.audit import CALLER, Refusals, is_refusal
from projects_api.access.rate_limit import LIMITS
from projects_api.contract.rules import OPERATION, REQUEST_ID
from projects_api.logs import log_request
from projects_api.metrics import metrics

_SERIES = metrics()
# Finding a labelled child takes a lock each time; there are few, and they stay.
_requests = cache(_SERIES.requests.labels)
_seconds = cache(_SERIES.seconds.labels)
_broken_off = cache(_SERIES.broken_off.labels)
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_PAGE = b"default-src 'none'; frame-ancestors 'none'"
_log = structlog.get_logger()


class ObservabilityMiddleware:
    """The outermost layer: it sees every request and every answer."""

    def __init__(self, app: ASGIApp, *, tls: bool, refusals: Refusals) -> None:
        self.app = app
        self.refusals = refusals
        self.headers: list[tuple[bytes, bytes]] = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if tls:
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and watch its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        scope[REQUEST_ID] = request_id
        status, sent = 0, 0
        is_whole = is_gone = False

        async def watch(message: Message) -> None:
            nonlocal status, sent, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers.extend(self._missing(headers))
                headers.append((b"x-request-id", request_id.encode()))
                headers.extend(scope.get(LIMITS, ()))
            else:
                sent += len(message.get("body", b""))
                # What is sent to nobody completes nothing.
                is_whole = not is_gone and not message.get("more_body", False)
            await send(message)

        async def listen() -> Message:
            nonlocal is_gone
            message = await receive()
            # After the whole answer, to be gone is no loss.
            is_gone = is_gone or (message["type"] == "http.disconnect" and not is_whole)
            return message

        broken_by = None
        began = time.perf_counter()
        _SERIES.running.inc()
        try:
            await self.app(scope, listen, watch)
        except Exception as error:
            if status:
                broken_by = "server"
                reason = str(error.__cause__ or error)
                _log.error("answer_broke_off", request_id=request_id, error=reason)
            raise
        finally:
            _SERIES.running.dec()
            if is_gone and status:
                broken_by = broken_by or "caller"
            _record(scope, status, sent, time.perf_counter() - began, broken_by)
            if is_refusal(scope, status):
                self.refusals.note(scope, status)

    def _missing(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        missing = list(self.headers)
        if b"content-security-policy" not in present:
            missing.append((b"content-security-policy", _NO_PAGE))
        if b"cache-control" not in present:
            missing.append((b"cache-control", b"private, no-cache"))
        return missing


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTED_ID.fullmatch(value):
            return value.decode()
    return os.urandom(16).hex()


def _record(scope: Scope, status: int, sent: int, seconds: float, broken_by: str | None) -> None:
    operation = scope.get(OPERATION, "none")
    _requests(operation, status).inc()
    _seconds(operation).observe(seconds)
    if broken_by:
        _broken_off(operation, broken_by).inc()
    # Neither the query nor any header: a search or a token is nobody else's business.
    line: dict[str, Any] = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "bytes": sent,
        "broken_off_by": broken_by,
        "milliseconds": round(seconds * 1000, 2),
        "request_id": scope[REQUEST_ID],
        "operation": operation,
        "user_id": scope.get(CALLER),
        "client": scope["client"][0] if scope.get("client") else None,
    }
    log_request(line)
