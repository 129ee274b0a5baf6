"""Bodies: read from the connection, and checked against the contract.

A chunked body has no length ahead, so that nothing here asks for one. A multipart body is never
held in memory: its file goes to a spool while it arrives.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.message import Message
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

from projects_api.contract.checker import Checker, Schema
from projects_api.contract.parameters import describe
from projects_api.contract.problems import (
    ContractViolation,
    MalformedBody,
    NotJson,
    TooLarge,
    UnsupportedMediaType,
)
from projects_api.files.content import Content
from projects_api.files.spool import Spool
from projects_api.files.spool import TooLarge as SpoolFull
from projects_api.settings import Settings

JSON_LIMIT = 1024 * 1024
"""Bytes of a JSON body, and of all the fields beside the file in a multipart body."""


class ClientGone(Exception):  # noqa: N818 - nobody is left to call it an error
    """The caller closed the connection before the body was complete."""


@dataclass(slots=True)
class Received:
    """A body as the handler gets it, and what tells it from another one."""

    values: dict[str, Any]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived whole; the path is valid until the request ends.

    `max_bytes` is the limit that it kept to.
    """

    path: Path
    content: Content
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the properties of an object are when they are left out, and those of objects in it.

    `optional` tells that nothing in the object is required.
    """

    own: dict[str, Any]
    inner: dict[str, "Defaults"]
    optional: bool

    @classmethod
    def of_schema(cls, schema: Schema) -> "Defaults":
        """Collect the defaults of a schema; a reference that carries one stands in an `allOf`.

        An object that must hold nothing is empty where it is left out, if something in it has a
        default.
        """
        properties: dict[str, Schema] = {}
        required: set[str] = set()
        for part in (*schema.get("allOf", ()), schema):
            properties |= part.get("properties", {})
            required |= set(part.get("required", ()))
        found = {name: cls.of_schema(declared) for name, declared in properties.items()}
        inner = {name: one for name, one in found.items() if one.own or one.inner}
        own: dict[str, Any] = {name: {} for name, one in inner.items() if one.optional}
        own |= {name: one["default"] for name, one in properties.items() if "default" in one}
        return cls(own, inner, optional=not required)

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give the values with what they leave out."""
        completed = {**self.own, **values}
        for name, defaults in self.inner.items():
            if isinstance(completed.get(name), dict):
                completed[name] = defaults.complete(completed[name])
        return completed


class Body:
    """What every kind of body has: a media type, a closed object as schema, and defaults."""

    media_type: str

    def __init__(self, schema: Schema) -> None:
        self.checker = Checker(schema)
        properties: Mapping[str, Schema] = schema["properties"]
        self.names = list(properties)
        self.defaults = Defaults.of_schema(schema)
        self.certain = {*self.defaults.own, *schema.get("required", ())}
        self.folded = [n for n, declared in properties.items() if declared.get("format") == "uuid"]

    def complete(self, values: Any) -> dict[str, Any]:
        """Check the values, fill in defaults and write ids as they are kept."""
        if not self.checker.accepts(values):
            faults = self.checker.faults(values, "body")
            raise ContractViolation(describe(faults), errors=faults)
        completed = self.defaults.complete(values)
        for name in self.folded:
            if name in completed:
                completed[name] = completed[name].lower()
        return completed

    def expect(self, scope: Scope, limit: int) -> dict[str, str]:
        """Check media type and announced length; return the parameters of the media type."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length == b"0" or (not length and b"transfer-encoding" not in headers):
            raise ContractViolation("Send a body: this operation needs one.")
        message = Message()
        message["content-type"] = headers.get(b"content-type", b"").decode("latin-1")
        if message.get_content_type() != self.media_type or b"content-type" not in headers:
            raise UnsupportedMediaType(f"Send the body as {self.media_type}.")
        if length.isdigit() and int(length) > limit:
            raise TooLarge(f"Send at most {limit} bytes; this body has {int(length)}.")
        return {name: str(value) for name, value in message.get_params(failobj=[])[1:]}


class JsonBody(Body):
    """A JSON object, read whole."""

    media_type = "application/json"

    async def read(self, scope: Scope, receive: Receive) -> Received:
        """Read, parse and check the body."""
        self.expect(scope, JSON_LIMIT)
        raw = bytearray()
        async for chunk in chunks(receive):
            raw += chunk
            if len(raw) > JSON_LIMIT:
                raise TooLarge(f"Send at most {JSON_LIMIT} bytes.")
        if not raw:
            raise ContractViolation("Send a body: this operation needs one.")
        try:
            values = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise NotJson(f"Send a JSON text in UTF-8: {error}.") from error
        return Received(self.complete(values), sha256(raw).hexdigest())


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
                options["boundary"], max_segment_size=self.max_file_bytes + 1, max_segment_count=100
            ) as parser:
                async for chunk in chunks(receive):
                    for event in parser.parse(chunk):
                        form.take(event)
                parser.parse(b"")
        except ParserLimitReached as error:
            raise self.too_large() from error
        except SpoolFull as error:
            raise self.too_large() from error
        except (MultipartError, UnicodeDecodeError) as error:
            raise MalformedBody(f"Send well-formed multipart/form-data: {error}.") from error
        values = self.complete(form.values)
        fingerprint = _fingerprint(values, spool)
        for name in self.files & set(values):
            values[name] = Upload(spool.path, spool.content(), self.max_file_bytes)
        return Received(values, fingerprint)

    def too_large(self) -> TooLarge:
        """Tell the limit."""
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
            if self._text_bytes > JSON_LIMIT:
                raise TooLarge(f"Send fields of at most {JSON_LIMIT} bytes in all.")
            self._text += event

    def _begin(self, segment: MultipartSegment) -> None:
        name = segment.name
        if name in self.values:
            raise _violation(name, "is given more than once")
        is_file = segment.filename is not None
        if name in self.body.files and not is_file:
            raise _violation(name, "must be a file, with a filename in its Content-Disposition")
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


def compile_body(
    request_body: Mapping[str, Any], settings: Settings
) -> JsonBody | MultipartBody | None:
    """Compile what the contract says of a body; an operation takes one media type or none.

    `x-limited-by` names the setting that limits a file, where it is not the one of uploads.
    """
    if not request_body:
        return None
    ((media_type, content),) = request_body["content"].items()
    if media_type == MultipartBody.media_type:
        limit = getattr(settings, request_body.get("x-limited-by", "max_upload_bytes"))
        return MultipartBody(content["schema"], limit)
    return JsonBody(content["schema"])


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the pieces of a body as they arrive."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        more = message.get("more_body", False)
