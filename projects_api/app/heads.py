"""What the head of a request must keep to before anybody looks at it, and how it is answered."""

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from projects_api.app.wire_problems import CodingNotImplemented, MalformedRequest
from projects_api.contract.problems import Problem

OLD = "1.0"
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-fvV:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
"""`uri-host [ ":" port ]` of RFC 9110, section 7.2; it may be empty."""


def fault_of(version: str, headers: list[tuple[bytes, bytes]]) -> Problem | None:
    """Find what RFC 9112 (3.2 and 6.1) has refused: hosts and codings of more than one meaning."""
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
    if len(hosts) != 1 and (hosts or version != OLD):
        return MalformedRequest(f"Send one Host header; this request has {len(hosts) or 'none'}.")
    if hosts and not _HOST.fullmatch(hosts[0]):
        return MalformedRequest("Send the name and port of the server as Host, and nothing else.")
    if codings and version == OLD:
        return MalformedRequest("Send a body with a Content-Length: HTTP/1.0 has no codings.")
    if codings and b",".join(codings).strip().lower() != b"chunked":
        return CodingNotImplemented()
    return None


class CautiousCycle(RequestResponseCycle):
    """The answer to a request of HTTP/1.0, or to one that waits before it sends its body.

    HTTP/1.0 knows no chunks, so that an answer of unknown length ends with the connection. Whoever
    was not told to go on may send the body or not (RFC 9110, 10.1.1), so that what comes next on
    the connection has no meaning: it is closed.
    """

    _is_unsized = False

    async def send(self, message: Any) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            if self.waiting_for_100_continue and self.more_body:
                self.keep_alive = False
            names = {name.lower() for name, _ in message.get("headers", ())}
            if self.scope["http_version"] == OLD and b"content-length" not in names:
                self._is_unsized, self.chunked_encoding = True, False
        elif self._is_unsized:
            # uvicorn compares with the length that was announced.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
