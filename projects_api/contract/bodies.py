"""Bodies: read from the connection, and checked against the contract.

A chunked body has no length ahead, so that nothing here asks for one.
"""

from asyncio import to_thread
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from typing import Any

from starlette.types import Receive, Scope

from projects_api.contract.body import JSON_LIMIT, Body, Received, chunks
from projects_api.contract.checker import Schema
from projects_api.contract.json_text import parse_json
from projects_api.contract.multipart import MultipartBody
from projects_api.contract.problems import ContractViolation, TooLarge, TooManyLargeBodies
from projects_api.contract.resolver import MismatchError

DEFAULT_LIMIT = "max_upload_bytes"
MAX_LARGE = 4
"""Bodies above `JSON_LIMIT` that are read, or whose requests are answered, at once."""
MAX_LARGE_OF_ONE = 2
"""Those of one sender, so that nobody takes all places."""
MAX_VALUES = 2_000_000
"""Values of a body above `JSON_LIMIT`: what is made of a value takes more than its text."""


class LargeBodies:
    """The places for large bodies; each is held in memory until its request is answered."""

    def __init__(self) -> None:
        self._taken: Counter[str | None] = Counter()

    @contextmanager
    def place(self, sender: str | None) -> Iterator[None]:
        """Take a place while the block runs, on the event loop. Raises `TooManyLargeBodies`."""
        if self._taken.total() >= MAX_LARGE or self._taken[sender] >= MAX_LARGE_OF_ONE:
            raise TooManyLargeBodies
        self._taken[sender] += 1
        try:
            yield
        finally:
            self._taken -= Counter({sender: 1})  # keeps nobody who has none


LARGE_BODIES = LargeBodies()
"""Those of this process, whose memory all of its servers share."""


class JsonBody(Body):
    """A JSON object, read whole; one above `JSON_LIMIT` in one of a few places, in a thread."""

    media_type = "application/json"

    def __init__(self, schema: Schema, max_bytes: int = JSON_LIMIT) -> None:
        super().__init__(schema)
        self.max_bytes = max_bytes

    async def read(
        self, scope: Scope, receive: Receive, resources: ExitStack, sender: str | None = None
    ) -> Received:
        """Read, parse and check the body; `resources` are given back when it is answered."""
        self.expect(scope, self.max_bytes)
        raw = bytearray()
        is_large = False
        async for chunk in chunks(receive):
            raw += chunk
            if len(raw) > self.max_bytes:
                raise TooLarge(f"Send at most {self.max_bytes} bytes.")
            if len(raw) > JSON_LIMIT and not is_large:
                resources.enter_context(LARGE_BODIES.place(sender))
                is_large = True
        if not raw:
            raise ContractViolation("Send a body: this operation needs one.")
        if is_large:
            return await to_thread(self._parse_large, bytes(raw))
        return self._parse(bytes(raw))

    def _parse_large(self, raw: bytes) -> Received:
        if sum(raw.count(sign) for sign in b",[{") > MAX_VALUES:
            raise TooLarge(f"Send at most {MAX_VALUES} values.")
        return self._parse(raw)

    def _parse(self, raw: bytes) -> Received:
        return Received(self.complete(parse_json(raw)), sha256(raw).hexdigest())


def compile_body(
    request_body: Mapping[str, Any], file_limits: Mapping[str, int]
) -> JsonBody | MultipartBody | None:
    """Compile what the contract says of a body; an operation takes one media type or none.

    `x-limited-by` names the limit of a file, where it is not the one of uploads, `x-max-bytes` is
    that of a JSON body which may be larger than others.
    """
    if not request_body:
        return None
    ((media_type, content),) = request_body["content"].items()
    if media_type == MultipartBody.media_type:
        name = request_body.get("x-limited-by", DEFAULT_LIMIT)
        if name not in file_limits:
            raise MismatchError(f"no rule limits a file by {name}")
        return MultipartBody(content["schema"], file_limits[name])
    return JsonBody(content["schema"], request_body.get("x-max-bytes", JSON_LIMIT))
