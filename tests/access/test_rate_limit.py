"""The limit on requests of a key: how many, how long to wait, and what is told of it."""

import time

import pytest

from projects_api.access.problems import RateLimited
from projects_api.access.rate_limit import LIMITS, RateLimit


def told(scope) -> dict[bytes, bytes]:
    return dict(scope[LIMITS])


def test_a_key_has_so_many_requests_and_is_told_how_many_are_left():
    limit, scope = RateLimit("3/hour", "memory://"), {}
    for left in (2, 1, 0):
        limit.check("one", scope)
        assert told(scope)[b"ratelimit-policy"] == b'"key";q=3;w=3600'
        assert told(scope)[b"ratelimit"].startswith(b'"key";r=%d;' % left)
    limit.check("another", scope)


def test_who_has_none_left_is_told_when_the_first_of_them_counts_no_longer():
    limit, scope = RateLimit("1/hour", "memory://"), {}
    begun = time.time()
    limit.check("one", scope)
    with pytest.raises(RateLimited) as refused:
        limit.check("one", scope)
    seconds = int(refused.value.headers["Retry-After"])
    assert told(scope)[b"ratelimit"] == b'"key";r=0;t=%d' % seconds
    assert 3600 - (time.time() - begun) <= seconds <= 3600
    assert f"Wait {seconds} s." in str(refused.value)
