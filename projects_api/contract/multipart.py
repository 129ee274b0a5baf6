"""Forms: a multipart body is never held in memory, its file goes to a spool while it arrives."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)
from starlette.types import Receive, Scope

from projects_api.contract.body import JSON_LIMIT, Body, Received, chunks
from projects_api.contract.checker import Schema
from projects_api.contract.parameters import describe
from projects_api.contract.problems import ContractViolation, MalformedBody, TooLarge
from projects_api.files.content import Content
from projects_api.files.spool import Spool
from projects_api.files.spool import TooLarge as SpoolFull

_MAX_PARTS, _MAX_HEADERS, _MAX_HEADER_BYTES = 100, 8, 4096 + 128
_LINE = f"Send lines of at most {_MAX_HEADER_BYTES} bytes in the head of a part."
_LIMITS = {
    "Maximum segment count exceeded": f"Send at most {_MAX_PARTS} parts.",
    "Maximum segment header count exceeded": f"Send at most {_MAX_HEADERS} headers for a part.",
    "Maximum segment header length exceeded": _LINE,
}
"""What the parser says of limits, the one of a part's size apart."""
_UNDECODED = "Segment header failed to decode"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived whole; the path is valid until the request ends.

    `max_bytes` is the limit that it kept to.
    """

    path: Path
    content: Content
    max_bytes: int


class MultipartBody(Body):
    """A form with one file, which goes to a spool while it arrives."""

    media_type = "multipart/form-data"

    def __init__(self, schema: Schema, max_file_bytes: int) -> None:
        super().__init__(schema)
        self.max_file_bytes = max_file_bytes
        self.files = {
            name
            for name, declared in schema["properties"].items()
            if declared.get("format") == "binary"
        }

    async def read(self, scope: Scope, receive: Receive, spool: Spool) -> Received:
        """Read and check the form; the spool keeps the file's bytes."""
        options = self.expect(scope, self.max_file_bytes + JSON_LIMIT)
        if not options.get("boundary"):
            raise MalformedBody("Give the boundary of the parts in the Content-Type header.")
        form = _Form(self, spool)
        try:
            with PushMultipartParser(
                options["boundary"],
                max_header_size=_MAX_HEADER_BYTES,
                max_header_count=_MAX_HEADERS,
                max_segment_size=self.max_file_bytes,
                max_segment_count=_MAX_PARTS,
            ) as parser:
                async for chunk in chunks(receive):
                    for event in parser.parse(chunk):
                        form.take(event)
                parser.parse(b"")
        except ParserLimitReached as error:
            limit = _LIMITS.get(str(error))
            raise (TooLarge(limit) if limit else form.too_large()) from error
        except SpoolFull as error:
            raise self.too_large() from error
        except UnicodeDecodeError as error:
            raise MalformedBody("Send fields in UTF-8.") from error
        except MultipartError as error:
            raise MalformedBody(_told(error)) from error
        values = self.complete(form.values)
        fingerprint = _fingerprint(values, spool)
        for name in self.files & set(values):
            values[name] = Upload(spool.path, spool.content(), self.max_file_bytes)
        return Received(values, fingerprint)

    def too_large(self) -> TooLarge:
        """Return the limit."""
        return TooLarge(f"Send a file of at most {self.max_file_bytes} bytes.")


class _Form:
    """The parts of a form as they arrive."""

    def __init__(self, body: MultipartBody, spool: Spool) -> None:
        self.body = body
        self.spool = spool
        self.values: dict[str, Any] = {}
        self._segment: MultipartSegment | None = None
        self._text = bytearray()
        self._text_bytes = 0
        self._most_text_bytes = min(JSON_LIMIT, body.max_file_bytes)

    def take(self, event: Any) -> None:
        """Take the beginning of a part, a piece of one, or its end (`None`)."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._segment is not None and self._segment.name in self.body.files:
            self.spool.write(event)
        else:
            self._text_bytes += len(event)
            if self._text_bytes > self._most_text_bytes:
                raise self.too_large()
            self._text += event

    def too_large(self) -> TooLarge:
        """Return the limit of the part that is arriving."""
        segment = self._segment
        if segment is None or segment.name in self.body.files:
            return self.body.too_large()
        return TooLarge(f"Send fields of at most {self._most_text_bytes} bytes in all.")

    def _begin(self, segment: MultipartSegment) -> None:
        name = segment.name
        if name in self.values:
            raise _violation(name, "is given more than once")
        # A file needs no name (RFC 7578, 4.2): the contract knows which part is one.
        is_file = segment.filename is not None
        if is_file and name in self.body.names and name not in self.body.files:
            raise _violation(name, "must be a text, not a file")
        self._segment = segment
        self._text = bytearray()

    def _end(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        name = segment.name
        self.values[name] = "" if name in self.body.files else self._text.decode()


def _violation(name: str, message: str) -> ContractViolation:
    faults = [{"location": "body", "pointer": f"/{name}", "message": message}]
    return ContractViolation(describe(faults), errors=faults)


def _fingerprint(values: Mapping[str, Any], spool: Spool) -> str:
    # Boundaries differ from one sending to the next; fields and the file's content do not.
    return sha256(
        orjson.dumps({**values, "": spool.content().sha256}, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def _told(error: MultipartError) -> str:
    # What follows the first argument is an error of Python.
    if error.args[0] == _UNDECODED:
        return "Write the head of each part in UTF-8, names of files too."
    return f"Send well-formed multipart/form-data: {error.args[0]}."
