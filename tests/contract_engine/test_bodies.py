"""Bodies at the limits of what is read, and what is said of faults in them."""

import asyncio
from contextlib import ExitStack

import orjson
import pytest

from projects_api.contract.bodies import (
    LARGE_BODIES,
    MAX_LARGE,
    MAX_LARGE_OF_ONE,
    MAX_VALUES,
    JsonBody,
)
from projects_api.contract.body import JSON_LIMIT
from projects_api.contract.checker import Checker
from projects_api.contract.problems import (
    ContractViolation,
    TooLarge,
    TooManyLargeBodies,
    UnsupportedMediaType,
)

ANYTHING = {"type": "object", "properties": {"text": {"type": "string"}}}


def read(size: int, piece: int = 65_536, limit: int = JSON_LIMIT):
    """Read a body of so many bytes that comes in pieces, and says nothing of its length."""
    raw = orjson.dumps({"text": "x" * (size - len(b'{"text":""}'))})
    assert len(raw) == size
    pieces = [raw[at : at + piece] for at in range(0, size, piece)]

    async def receive():
        body = pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(pieces)}

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "headers": headers}
    with ExitStack() as resources:
        return asyncio.run(JsonBody(ANYTHING, limit).read(scope, receive, resources))


def test_the_bounds_that_callers_are_told():
    """As numbers: the other tests here follow the constants, whatever they are."""
    assert JSON_LIMIT == 1_048_576  # 1 MiB
    assert MAX_VALUES == 2_000_000


def test_the_largest_body():
    assert len(read(JSON_LIMIT).values["text"]) == JSON_LIMIT - len(b'{"text":""}')
    with pytest.raises(TooLarge, match=f"at most {JSON_LIMIT} bytes"):
        read(JSON_LIMIT + 1)


LARGE = 32 * JSON_LIMIT


def test_the_largest_body_of_an_operation_that_takes_more():
    found = read(LARGE, limit=LARGE)
    assert len(found.values["text"]) == LARGE - len(b'{"text":""}')
    with pytest.raises(TooLarge, match=f"at most {LARGE} bytes"):
        read(LARGE + 1, limit=LARGE)


@pytest.mark.parametrize(("size", "is_refused"), [(JSON_LIMIT, False), (JSON_LIMIT + 1, True)])
def test_only_large_bodies_take_a_place(size, is_refused):
    with ExitStack() as others:
        for number in range(MAX_LARGE):
            others.enter_context(LARGE_BODIES.place(f"other {number}"))
        if is_refused:
            with pytest.raises(TooManyLargeBodies):
                read(size, limit=LARGE)
        else:
            assert read(size, limit=LARGE)
    # Those that are refused, and those that end, give their places back.
    for _ in range(MAX_LARGE + 1):
        assert read(JSON_LIMIT + 1, limit=LARGE)


def test_no_sender_takes_all_places():
    with ExitStack() as own:
        for _ in range(MAX_LARGE_OF_ONE):
            own.enter_context(LARGE_BODIES.place("one"))
        with pytest.raises(TooManyLargeBodies), LARGE_BODIES.place("one"):
            pass
        with LARGE_BODIES.place("another"):
            pass
    with LARGE_BODIES.place("one"):
        pass


@pytest.mark.parametrize("value", [b"0", b"{}", b"[]"])
def test_values_of_a_large_body_have_a_bound(value):
    of_each = value.count(b"{") + value.count(b"[") + 1  # and a comma
    most = (MAX_VALUES - 2) // of_each
    body = JsonBody({**ANYTHING, "properties": {"text": {}}}, LARGE)
    for count, is_refused in ((most, False), (most + 2, True)):
        raw = b'{"text":[' + b",".join([value] * count) + b"]}"
        if is_refused:
            with pytest.raises(TooLarge, match=f"at most {MAX_VALUES} values"):
                body._parse_large(raw)
        else:
            assert len(body._parse_large(raw).values["text"]) == count


def test_a_message_is_not_as_long_as_what_is_wrong():
    (fault,) = Checker({"type": "integer"}).faults("x" * 5000, "body")
    assert len(fault["message"]) == 1000
    (fault,) = Checker({"additionalProperties": {"type": "integer"}}).faults(
        {"/" * 900: ""}, "body"
    )
    assert len(fault["pointer"]) == 1000


def expected(**headers: str) -> dict[str, str]:
    """Give the parameters of a media type that is expected, of a body of ten bytes at most."""
    given = {"content-type": "application/json", "content-length": "9"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in given.items() if value]
    return JsonBody(ANYTHING).expect({"type": "http", "headers": raw}, 10)


@pytest.mark.parametrize(
    ("headers", "parameters"),
    [
        ({}, {}),
        ({"content_type": "Application/JSON; charset=utf-8"}, {"charset": "utf-8"}),
        ({"content_encoding": " Identity "}, {}),
        ({"content_length": "10"}, {}),
        ({"content_length": "", "transfer_encoding": "chunked"}, {}),
    ],
)
def test_what_is_said_of_a_body_that_is_read(headers, parameters):
    assert expected(**headers) == parameters


@pytest.mark.parametrize(
    ("headers", "problem", "told"),
    [
        ({"content_type": ""}, UnsupportedMediaType, "as application/json"),
        ({"content_type": "text/plain"}, UnsupportedMediaType, "as application/json"),
        ({"content_encoding": "gzip"}, UnsupportedMediaType, "without a Content-Encoding"),
        ({"content_length": ""}, ContractViolation, "Send a body"),
        ({"content_length": "0"}, ContractViolation, "Send a body"),
        ({"content_length": "11"}, TooLarge, "at most 10 bytes; this body has 11"),
    ],
)
def test_what_is_said_of_a_body_that_is_refused_unread(headers, problem, told):
    with pytest.raises(problem, match=told):
        expected(**headers)
