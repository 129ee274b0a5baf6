"""HTTP/1.1 on the wire: what uvicorn's protocol does otherwise than callers need."""

import uuid

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from projects_api.server.problems import MEDIA_TYPE, Problem


class MalformedRequest(Problem):
    """What came is not HTTP/1.1."""

    status = 400
    slug = "malformed-request"
    title = "The request is not valid HTTP"


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for a server that never upgrades a connection.

    The parser ends a message at the head when that offers an upgrade, so the body would be lost
    (Java's HttpClient offers `h2c` with every request over plain text). A server may ignore the
    offer (RFC 9110, section 7.8): the head is parsed again without it, and with it the body.
    """

    def data_received(self, data: bytes) -> None:
        """Parse what came, through as many offers as it holds."""
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError as error:
            self.send_400_response(str(error))

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
        if not self._is_offer():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request's body, unless its head is parsed once more."""
        if not self._is_offer():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem, where this is not in the midst of another answer; close."""
        request_id = uuid.uuid4().hex
        self.logger.warning("Malformed HTTP request: %s (request_id %s)", msg, request_id)
        if self._is_next_to_be_answered():
            problem = MalformedRequest(f"The parser of HTTP/1.1 says: {msg}.")
            body = orjson.dumps(problem.as_document(request_id))
            headers = [
                *self.server_state.default_headers,
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                (b"x-request-id", request_id.encode()),
                (b"connection", b"close"),
            ]
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.transport.write(STATUS_LINE[400] + lines + b"\r\n" + body)
        self.transport.close()

    def shutdown(self) -> None:
        """Close when the running request has been answered, and at once where none runs.

        Over TLS a close waits for the other side to agree, which a caller at rest does not.
        """
        super().shutdown()
        at_rest = self.cycle is None or self.cycle.response_complete
        if at_rest and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def _is_next_to_be_answered(self) -> bool:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started and not self.pipeline
