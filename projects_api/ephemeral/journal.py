"""The journal of requests: what came and what was answered, for tests to ask after.

It is kept in memory, within bounds: the oldest requests are forgotten first, and counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.contract.rules import OPERATION, REQUEST_ID

PREFIX = "/_ephemeral/"
"""Where the pages for tests are, which the journal leaves out."""
FAULT = "ephemeral.fault"
"""The place in a request's scope of the fault that it was answered with."""
NOTE = "ephemeral.note"
"""The place of a function that takes a request into the journal, where no end will be sent."""
MOST_ENTRIES = 1000
MOST_BYTES = 16 * 1024 * 1024
MOST_BODY_BYTES = 16 * 1024
"""Bytes that an entry has of each body."""
MOST_PASSING_BYTES = 1024 * 1024
"""Bytes of a body that are there until its end has passed, for those who read JSON."""
_ENTRY_BYTES = 1000
"""What an entry takes beside its texts."""
_SECRET = frozenset({"authorization", "cookie"})

Entry = dict[str, Any]


@dataclass(slots=True)
class Body:
    """The beginning of a body, and the size of all that passed."""

    size: int = 0
    kept: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        self.kept += piece[: MOST_PASSING_BYTES - len(self.kept)]

    def document(self, media_type: str | None) -> dict[str, Any]:
        """Describe it; what is not UTF-8 has no text."""
        beginning = self.kept[:MOST_BODY_BYTES]
        is_cut = self.size > len(beginning)
        text = None
        # A cut may have gone through a character, of which at most three bytes are here.
        for missing in range(4 if is_cut else 1):
            with suppress(UnicodeDecodeError):
                text = beginning[: len(beginning) - missing].decode()
                break
        return {"media_type": media_type, "size": self.size, "text": text, "is_cut": is_cut}


@dataclass(slots=True)
class Exchange:
    """A request and its answer, as they pass."""

    scope: Scope
    role: str | None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: int | None = None
    headers: Headers = field(default_factory=Headers)
    request: Body = field(default_factory=Body)
    response: Body = field(default_factory=Body)

    def document(self) -> Entry:
        """Describe it; `status` is null where no answer was sent."""
        sent = Headers(scope=self.scope)
        taken = datetime.now(UTC) - self.began
        return {
            "at": self.began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "milliseconds": round(taken.total_seconds() * 1000, 1),
            "method": self.scope["method"],
            "path": self.scope["path"],
            "query": self.scope["query_string"].decode("latin-1"),
            "operation": self.scope.get(OPERATION),
            "role": self.role,
            "status": self.status,
            "fault": self.scope.get(FAULT),
            "request_id": self.scope.get(REQUEST_ID),
            "headers": {name: sent[name] for name in sent if name not in _SECRET},
            "request": self.request.document(sent.get("content-type")),
            "response": self.response.document(self.headers.get("content-type")),
        }


class Journal:
    """The latest requests, oldest first; used on the event loop alone."""

    def __init__(self) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self.forgotten = 0

    def note(self, exchange: Exchange) -> None:
        """Add a request, and forget as many as it leaves no room for."""
        entry = exchange.document()
        size = _ENTRY_BYTES + _size(entry)
        self._entries.append((entry, size))
        self._bytes += size
        while len(self._entries) > MOST_ENTRIES or self._bytes > MOST_BYTES:
            self._bytes -= self._entries.popleft()[1]
            self.forgotten += 1
        self._came.set()
        self._came = asyncio.Event()

    def clear(self) -> None:
        """Forget everything, the count of what was forgotten, too."""
        self._entries = deque()
        self._bytes = self.forgotten = 0

    def find(self, wanted: Mapping[str, Any]) -> list[Entry]:
        """List the requests that have these values."""
        return [
            entry
            for entry, _ in list(self._entries)
            if all(entry[name] == value for name, value in wanted.items())
        ]

    async def await_many(self, wanted: Mapping[str, Any], count: int, seconds: float) -> None:
        """Wait until so many requests have these values, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.find(wanted)) < count:
                    await self._came.wait()


class JournalMiddleware:
    """Stands outside of what answers problems: gives each exchange to `note`.

    It does so just before the end of an answer is sent, so that whoever has an answer finds it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        note: Callable[[Exchange], None],
        role_of: Callable[[Scope], str | None],
    ) -> None:
        self.app = app
        self._note = note
        self._role_of = role_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and record it."""
        if scope["type"] != "http" or scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, self._role_of(scope))
        is_noted = False

        def note_once() -> None:
            nonlocal is_noted
            if not is_noted:
                is_noted = True
                self._note(exchange)

        async def listen() -> Message:
            message = await receive()
            exchange.request.add(message.get("body", b""))
            return message

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.headers = Headers(raw=message["headers"])
            else:
                exchange.response.add(message.get("body", b""))
                if not message.get("more_body", False):
                    note_once()
            await send(message)

        scope[NOTE] = note_once
        try:
            await self.app(scope, listen, watch)
        finally:
            note_once()


def _size(entry: Entry) -> int:
    bodies = (entry["request"]["text"] or "", entry["response"]["text"] or "")
    # Four bytes a character at most, as Python keeps what is beyond the usual planes.
    texts = (*bodies, entry["path"], entry["query"], *entry["headers"].values())
    return sum(len(text) * (1 if text.isascii() else 4) for text in texts)
