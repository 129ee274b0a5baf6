"""Bodies at the limits of what is read, and what is said of faults in them."""

import asyncio

import orjson
import pytest

from projects_api.contract.bodies import JsonBody
from projects_api.contract.body import JSON_LIMIT
from projects_api.contract.checker import Checker
from projects_api.contract.problems import TooLarge

ANYTHING = {"type": "object", "properties": {"text": {"type": "string"}}}


def read(size: int, piece: int = 65_536):
    """Read a body of so many bytes that comes in pieces, and says nothing of its length."""
    raw = orjson.dumps({"text": "x" * (size - len(b'{"text":""}'))})
    assert len(raw) == size
    pieces = [raw[at : at + piece] for at in range(0, size, piece)]

    async def receive():
        body = pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(pieces)}

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "headers": headers}
    return asyncio.run(JsonBody(ANYTHING).read(scope, receive))


def test_the_largest_body():
    assert len(read(JSON_LIMIT).values["text"]) == JSON_LIMIT - len(b'{"text":""}')
    with pytest.raises(TooLarge, match=f"at most {JSON_LIMIT} bytes"):
        read(JSON_LIMIT + 1)


def test_a_message_is_not_as_long_as_what_is_wrong():
    (fault,) = Checker({"type": "integer"}).faults("x" * 5000, "body")
    assert len(fault["message"]) == 1000
    (fault,) = Checker({"additionalProperties": {"type": "integer"}}).faults(
        {"/" * 900: ""}, "body"
    )
    assert len(fault["pointer"]) == 1000
