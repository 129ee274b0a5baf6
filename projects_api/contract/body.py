"""What bodies of every media type have in common: a schema, defaults, a limit."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from starlette.types import Receive, Scope

from projects_api.contract.checker import Checker, Schema
from projects_api.contract.defaults import Defaults
from projects_api.contract.parameters import describe
from projects_api.contract.problems import ContractViolation, TooLarge, UnsupportedMediaType

JSON_LIMIT = 1024 * 1024
"""Bytes of a JSON body, and of all the fields beside the file in a multipart body."""
_JSON = b"application/json"


class ClientGone(Exception):
    """The caller closed the connection before the body was complete."""


@dataclass(slots=True)
class Received:
    """A body as the handler gets it, and what tells it from another one."""

    values: dict[str, Any]
    fingerprint: str


class Body:
    """What every kind of body has: a media type, a closed object as schema, and defaults."""

    media_type: str

    def __init__(self, schema: Schema) -> None:
        self.checker = Checker(schema, of_requests=True)
        properties: Mapping[str, Schema] = schema["properties"]
        self.names = list(properties)
        self.defaults = Defaults.of_schema(schema)
        self.always_present = {*self.defaults.own, *schema.get("required", ())}
        self.uuid_fields = [
            n for n, declared in properties.items() if declared.get("format") == "uuid"
        ]

    def complete(self, values: Any) -> dict[str, Any]:
        """Check the values, fill in defaults and write ids as they are kept."""
        if not self.checker.accepts(values):
            faults = self.checker.faults(values, "body")
            raise ContractViolation(describe(faults), errors=faults)
        completed = self.defaults.complete(values)
        for name in self.uuid_fields:
            if name in completed:
                completed[name] = completed[name].lower()
        return completed

    def expect(self, scope: Scope, limit: int) -> dict[str, str]:
        """Check media type and announced length; return the parameters of the media type."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length == b"0" or (not length and b"transfer-encoding" not in headers):
            raise ContractViolation("Send a body: this operation needs one.")
        media_type, parameters = _media_type(headers.get(b"content-type", b""))
        if media_type != self.media_type:
            raise UnsupportedMediaType(f"Send the body as {self.media_type}.")
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise UnsupportedMediaType(
                "Send the body as it is, without a Content-Encoding.",
                headers={"Accept-Encoding": "identity"},
            )
        if length.isdigit() and int(length) > limit:
            raise TooLarge(f"Send at most {limit} bytes; this body has {int(length)}.")
        return parameters


def _media_type(header: bytes) -> tuple[str, dict[str, str]]:
    """Return the media type that a Content-Type names, and its parameters."""
    if not header or header == _JSON:  # As nearly every caller writes it.
        return header.decode(), {}
    message = Message()
    message["content-type"] = header.decode("latin-1")
    parameters = message.get_params(failobj=[])[1:]
    return message.get_content_type(), {name: str(value) for name, value in parameters}


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the pieces of a body as they arrive."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        more = message.get("more_body", False)
