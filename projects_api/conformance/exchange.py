"""Exchanges: a request and its answer, with as much of their bodies as can be judged."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""

MOST_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of a body that is judged; a larger one passes, and is said to be too large."""
MOST_KEPT_BYTES = 256 * 1024 * 1024
"""Bytes of all bodies that are waiting to be judged."""


class Budget:
    """The bytes that all bodies may take at once; used on the event loop alone."""

    def __init__(self, most: int = MOST_KEPT_BYTES) -> None:
        self._left = most

    def take(self, count: int) -> bool:
        """Take so many bytes, where they are left."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """Return what was taken."""
        self._left += count


@dataclass(slots=True)
class Body:
    """A body as far as it is kept; `unknown` says why it cannot be judged."""

    content: bytearray = field(default_factory=bytearray)
    size: int = 0
    unknown: str = ""
    _pieces: int = 0

    def add(self, piece: bytes, budget: Budget) -> None:
        """Take the next bytes; a body that is too large is let go of."""
        self.size += len(piece)
        if self.unknown:
            return
        if self.size > MOST_BODY_BYTES:
            self._let_go(f"has more than {MOST_BODY_BYTES} bytes", budget)
        elif not budget.take(len(piece)):
            self._let_go("came while too many others were judged", budget)
        else:
            self._pieces += len(piece)
            self.content += piece

    def close(self, budget: Budget) -> None:
        """Return what was taken of the budget."""
        budget.give_back(self._pieces)
        self._pieces = 0

    def _let_go(self, why: str, budget: Budget) -> None:
        self.unknown = why
        self.content = bytearray()
        self.close(budget)


@dataclass(slots=True)
class Exchange:
    """A request and its answer; `failure` says why no whole answer came."""

    method: str
    target: str
    """Path and query as they were sent, below where the contract's paths begin."""
    headers: Headers
    body: Body = field(default_factory=Body)
    status: int = 0
    answer_headers: Headers = field(default_factory=list)
    answer: Body = field(default_factory=Body)
    began: float = 0.0
    """Seconds since 1970."""
    seconds: float = 0.0
    failure: str = ""
    origin: str = ""
    """Of a recorded one: scheme and host."""
    masked: frozenset[bytes] = frozenset()
    """Headers of the answer of which a recording has no value."""
    keys_were_recorded: bool = True
    """Whether the request would show its key, had it one."""

    def scope(self) -> Scope:
        """Return the request as ASGI has it, for those who read requests."""
        path, _, query = self.target.partition("?")
        headers = list(self.headers)
        names = {name for name, _ in headers}
        # Recordings of HTTP/2 have neither.
        if not names & {b"content-length", b"transfer-encoding"} and self.body.size:
            headers.append((b"content-length", str(self.body.size).encode()))
        return {
            "type": "http",
            "method": self.method,
            "path": unquote(path),
            "raw_path": path.encode("latin-1", "replace"),
            "query_string": query.encode("latin-1", "replace"),
            "headers": headers,
        }


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Return the values of a header, as one; None where it is not there."""
    found = [value.decode("latin-1") for one, value in headers if one == name]
    return ", ".join(found) if found else None


def decode_content(body: Body, encoding: str) -> tuple[bytes, str]:
    """Undo a Content-Encoding; says why it cannot be judged, where it cannot."""
    if body.unknown:
        return b"", body.unknown
    if encoding.strip().lower() in {"", "identity"}:
        return bytes(body.content), ""
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return b"", f"has the Content-Encoding {encoding[:100]}, which is not read"
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        content = reader.decompress(body.content, MOST_BODY_BYTES)
    except zlib.error:
        return b"", f"is not in the Content-Encoding {encoding[:100]} that it names"
    if reader.unconsumed_tail:
        return b"", f"has more than {MOST_BODY_BYTES} bytes"
    return content, ""
