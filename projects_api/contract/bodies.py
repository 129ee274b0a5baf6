"""Bodies: read from the connection, and checked against the contract.

A chunked body has no length ahead, so that nothing here asks for one.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from starlette.types import Receive, Scope

from projects_api.contract.body import JSON_LIMIT, Body, Received, chunks
from projects_api.contract.json_text import parse_json
from projects_api.contract.multipart import MultipartBody
from projects_api.contract.problems import ContractViolation, TooLarge
from projects_api.contract.resolver import MismatchError

DEFAULT_LIMIT = "max_upload_bytes"


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
        values = parse_json(bytes(raw))
        return Received(self.complete(values), sha256(raw).hexdigest())


def compile_body(
    request_body: Mapping[str, Any], file_limits: Mapping[str, int]
) -> JsonBody | MultipartBody | None:
    """Compile what the contract says of a body; an operation takes one media type or none.

    `x-limited-by` names the limit of a file, where it is not the one of uploads.
    """
    if not request_body:
        return None
    ((media_type, content),) = request_body["content"].items()
    if media_type == MultipartBody.media_type:
        name = request_body.get("x-limited-by", DEFAULT_LIMIT)
        if name not in file_limits:
            raise MismatchError(f"no rule limits a file by {name}")
        return MultipartBody(content["schema"], file_limits[name])
    return JsonBody(content["schema"])
