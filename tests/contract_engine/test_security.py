"""The token that a request carries, and which requests need one."""

import pytest

from projects_api.contract.problems import Unauthenticated
from projects_api.contract.security import bearer_token


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer abc", "abc"),
        (b"bearer  abc ", "abc"),
        (b"Basic abc", None),
        (b"Bearer ", None),
        (b"Bearer \xe9", None),
        (b"", None),
    ],
)
def test_the_token_of_a_request(header, token):
    scope = {"type": "http", "headers": [(b"host", b"x"), (b"authorization", header)]}
    if token:
        assert bearer_token(scope) == token
    else:
        with pytest.raises(Unauthenticated):
            bearer_token(scope)


@pytest.mark.parametrize("second", [b"Bearer abc", b"Bearer abd"])
def test_of_two_tokens_none_counts(second):
    headers = [(b"authorization", b"Bearer abc"), (b"authorization", second)]
    with pytest.raises(Unauthenticated):
        bearer_token({"type": "http", "headers": headers})


def test_without_a_header_there_is_none():
    with pytest.raises(Unauthenticated):
        bearer_token({"type": "http", "headers": []})
