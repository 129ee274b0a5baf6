"""HTTP/1.1 on the wire: what uvicorn's protocol does otherwise than callers need."""

import asyncio
import re
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from projects_api.access.rules import ProjectsRules
from projects_api.app.connections import Clock, Gathered, Shares
from projects_api.app.heads import OLD, CautiousCycle, fault_of
from projects_api.app.wire_problems import (
    BodyTimeout,
    HeadTimeout,
    HeadTooLarge,
    MalformedRequest,
    TargetTooLong,
    TooManyConnections,
)
from projects_api.contract.problems import MEDIA_TYPE, MethodNotImplemented, Problem
from projects_api.contract.rules import BODY_ARRIVED, ON_STOP, REQUEST_ID
from projects_api.settings import Settings

CLOSE = "projects_api.close"
"""The place in a scope's `extensions` of a function that closes the connection."""
BODY_PACE = 256
"""Bytes a second that a body brings at least; the slowest lines of today are fifty times faster."""
MAX_TARGET_BYTES = 65_535
"""What the parser of targets can count."""
_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) [^ ]")
_KNOWN = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"})


def options_of(settings: Settings, shares: Shares | None) -> dict[str, Any]:
    """Return what uvicorn is told by each server of ours: this protocol, and its own logs off."""
    return {
        "host": settings.host,
        "http": partial(
            HttpProtocol,
            max_head_bytes=settings.max_head_bytes,
            head_seconds=settings.head_seconds,
            body_seconds=settings.body_seconds,
            shares=shares,
        ),
        "ws": "none",
        # uvloop takes one new connection a round of its loop, so that the last of 200 waits for 200
        # rounds of answers to the others; it would save 5 % of the processor time of a get.
        "loop": "asyncio",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for a server that never upgrades a connection.

    Nobody has shown a key while a head arrives, and the parser keeps all of it: so more than
    `max_head_bytes` of anything but a body is refused, and so is a head that is not complete
    `head_seconds` after it began, or after the connection did. A body must bring `BODY_PACE` bytes
    a second, looked at every `body_seconds`; time in which nobody reads it does not count. An
    address has its share of connections.

    The parser ends a message at the head when that offers an upgrade, so the body would be lost
    (Java's HttpClient offers `h2c` with every request over plain text). A server may ignore the
    offer (RFC 9110, section 7.8): the head is parsed again without it, and with it the body. This
    may go when Kludex/uvicorn#2722 is done; a test fails then.
    """

    def __init__(
        self,
        *args: Any,
        max_head_bytes: int = 65_536,
        head_seconds: float = 20,
        body_seconds: float = 30,
        shares: Shares | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._max_head_bytes = max_head_bytes
        self._head_seconds = head_seconds
        self._head_clock = Clock(self.loop, head_seconds, self._end_head)
        self._body_seconds = body_seconds
        self._body_clock = Clock(self.loop, body_seconds, self._judge_body)
        self._in_body = False
        self._body_bytes = 0
        self._shares = shares
        self._in_head = True
        self._arrived = 0
        """Bytes since the last that completed a head or were a body's, by whole reads."""
        self._stops = False
        self._tell_stop: Callable[[], object] | None = None
        """What the running request wants called when the server stops."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time, where its sender may have a connection more."""
        self._gathered = Gathered(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._gathered))
        if self._shares and not self._shares.take(self._address()):
            self._refuse(TooManyConnections())
        else:
            self._time_head()

    def eof_received(self) -> None:
        """Write what is kept, for the connection is closed now."""
        self._gathered.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._in_head = self._in_body = False
        self._time_head()
        self._time_body()
        if self._shares:
            self._shares.give_back(self._address())
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, through as many offers as it holds."""
        self._unset_keepalive_if_required()
        self._arrived += len(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Problem):
                self._refuse(error.__context__)
            elif isinstance(error, httptools.HttpParserInvalidMethodError) and _asks(data):
                self._refuse(MethodNotImplemented())
            else:
                self.send_400_response(str(error))
            return
        if self._arrived > self._max_head_bytes:
            self._refuse(self._too_large())
        else:
            self._time_head()
            self._time_body()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, which has a limit of its own."""
        self._arrived = 0
        self._body_bytes += len(body)
        super().on_body(body)

    def _time_head(self) -> None:
        """Start or stop the clock of a head; one that comes in one piece needs none."""
        self._head_clock.run(self._in_head)

    def _end_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._time_head()  # An answer is on its way; meanwhile perhaps nothing is read.
        elif self.headers is not None:  # else nothing has come at all
            seconds = f"{self._head_seconds:g} seconds"
            self._refuse(HeadTimeout(f"Send the whole head of a request within {seconds}."))
        else:
            self.transport.close()

    def _time_body(self) -> None:
        """Start or stop the clock of a body; one that comes with its head needs none."""
        if self._body_clock.run(self._in_body):
            self._body_bytes = 0

    def _judge_body(self) -> None:
        """End a body that is slow by itself, and not because nobody has asked for it."""
        is_unread = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if is_unread or self._body_bytes >= BODY_PACE * self._body_seconds:
            self._time_body()
        else:
            pace = f"{BODY_PACE} bytes a second"
            self._refuse(BodyTimeout(f"Send a body at {pace} at least, without a pause."))

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _too_large(self) -> Problem:
        limit = f"at most {self._max_head_bytes} bytes"
        if self._in_head and not self.headers:
            return TargetTooLong(f"Send a request line of {limit}.")
        return HeadTooLarge(f"Send a head, and a trailer, of {limit}.")

    def _feed(self, data: bytes) -> bytes:
        """Parse until an offer; give what is to be parsed after it."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_offer():
                return self._restart() + data[upgrade.args[0] :]
            # CONNECT: what follows it is meant for another protocol.
            self.cycle.keep_alive = False
        return b""

    def _restart(self) -> bytes:
        """Take a new parser, since the old one may be at its end; give the head for it."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _is_offer(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is parsed once more."""
        if self._is_offer():
            return
        if self._arrived > self._max_head_bytes:  # else what came at once may hold a long head
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._max_head_bytes:
                raise self._too_large()
        if len(self.url) > MAX_TARGET_BYTES:
            raise TargetTooLong(f"Send a target of at most {MAX_TARGET_BYTES} bytes.")
        version = self.parser.get_http_version()
        if fault := fault_of(version, self.headers):
            raise fault
        self._in_head, self._arrived = False, 0
        super().on_headers_complete()
        cycle = self.cycle
        if version == OLD or self.expect_100_continue:
            cycle.__class__ = CautiousCycle  # uvicorn makes them, of its own class
        # The request's task begins later, when what came at once has been parsed.
        extensions: dict[str, Any] = {
            BODY_ARRIVED: lambda: not cycle.more_body,
            CLOSE: self.transport.close,
            ON_STOP: self._on_stop,
        }
        cycle.scope["extensions"] = extensions
        self._in_body = True

    def on_message_complete(self) -> None:
        """End the request's body, unless its head is parsed once more."""
        if not self._is_offer():
            self._arrived = 0
            self._in_body = False
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(MalformedRequest(f"The parser of HTTP/1.1 says: {msg}."))

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem, where this is not in the midst of another answer; close."""
        request_id = self._request_id()
        self.logger.warning("%s: %s (request_id %s)", problem.slug, problem.detail, request_id)
        if self._is_next_to_be_answered():
            body = orjson.dumps(problem.as_document(ProjectsRules.name, request_id))
            headers = [
                *self.server_state.default_headers,
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                (b"x-request-id", request_id.encode()),
                (b"connection", b"close"),
                *((name.encode(), value.encode()) for name, value in problem.headers.items()),
            ]
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            body = b"" if self._is_head() else body
            self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        self.transport.close()

    def _is_head(self) -> bool:
        return self.headers is not None and self.parser.get_method() == b"HEAD"

    def _request_id(self) -> str:
        """Return the id of the request that is under way, or make one where there is none."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        known = self.cycle.scope.get(REQUEST_ID) if under_way else None
        return str(known or uuid.uuid4().hex)

    def shutdown(self) -> None:
        """Close when the running request has been answered, and at once where none runs.

        Over TLS a close waits for the other side to agree, which a caller at rest does not.
        """
        super().shutdown()
        self._stops = True
        if self._tell_stop:
            self._tell_stop()
        at_rest = self.cycle is None or self.cycle.response_complete
        if at_rest and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def _on_stop(self, tell: Callable[[], object]) -> None:
        """Call a function when the server stops; a connection has one request at a time."""
        self._tell_stop = tell
        if self._stops:
            tell()

    def _is_next_to_be_answered(self) -> bool:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started and not self.pipeline


def _asks(data: bytes) -> bool:
    """Return whether what came is a request with a method that nobody knows."""
    begin = _METHOD.match(data)
    return begin is not None and begin[1] not in _KNOWN
