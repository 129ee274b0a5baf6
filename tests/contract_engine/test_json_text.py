"""JSON texts: what is taken, compared with a reader that keeps every member."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects_api.contract.json_text import parse_json
from projects_api.contract.problems import MalformedBody, NotJson

NAMES = st.sampled_from(["a", "b", 'quote"', '":', "é", "\\", ""])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(['":', '" :']))


class Members(list):
    """An object as its members, in their order."""


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(NAMES, inner), max_size=3).map(Members),
    ),
    max_leaves=12,
)


def written(value, colon: str) -> str:
    if isinstance(value, Members):
        members = (f"{json.dumps(name)}{colon}{written(one, colon)}" for name, one in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(one, colon) for one in value) + "]"
    return json.dumps(value)


def has_twice(value) -> bool:
    if isinstance(value, Members):
        names = [name for name, _ in value]
        return len(names) != len(set(names)) or any(has_twice(one) for _, one in value)
    return isinstance(value, list) and any(map(has_twice, value))


@given(value=VALUES, colon=st.sampled_from([":", " :", ": ", "\n:\t"]))
def test_a_member_that_stands_twice_is_found_wherever_it_is(value, colon):
    text = written(value, colon).encode()
    if has_twice(value):
        with pytest.raises(MalformedBody, match="stands twice"):
            parse_json(text)
    else:
        assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"name":"a","name":"b"}',
        b'{"name":"a","name" :"b"}',
        b'{"name" :"a","name":"\\":"}',
        b'{"name":"a","n\\u0061me":"b"}',
        b'[{"x":{"y":1,"y":1}}]',
    ],
)
def test_twice(text):
    with pytest.raises(MalformedBody, match="stands twice"):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    [b"[1e400]", b'{"n":' + b"1" * 5000 + b"}", b"[" * 1025 + b"]" * 1025],
)
def test_what_is_json_and_not_taken(text):
    with pytest.raises(MalformedBody) as caught:
        parse_json(text)
    assert caught.value.slug == "malformed-body"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1,]",
        b"NaN",
        b"[Infinity]",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"//\n1",
        b"'a'",
        b'"\\ud800"',
    ],
)
def test_what_is_none(text):
    with pytest.raises(NotJson):
        parse_json(text)
