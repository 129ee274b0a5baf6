"""A limit on the requests of each API key, where the operator sets one."""

import math
import time

from starlette.types import Scope

from projects_api.access.problems import RateLimited

LIMITS = "projects_api.limits"
"""The place in a request's scope of the headers that tell what is left."""


class RateLimit:
    """Counts requests by key, in memory or in the store that the URL names."""

    def __init__(self, rate: str, storage_url: str) -> None:
        # Most servers have no limit, and the library is slow to import.
        from limits import parse  # noqa: PLC0415
        from limits.storage import storage_from_string  # noqa: PLC0415
        from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415

        self._item = parse(rate)
        quota = (self._item.amount, self._item.get_expiry())
        self._policy = (b"ratelimit-policy", b'"key";q=%d;w=%d' % quota)
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage_url))

    def check(self, key_id: str, scope: Scope) -> None:
        """Count a request; raises `RateLimited` with the seconds to wait.

        What is left stands in the scope, as `RateLimit` and `RateLimit-Policy` have it.
        """
        is_within = self._limiter.hit(self._item, key_id)
        reset, left = self._limiter.get_window_stats(self._item, key_id)
        seconds = max(1, math.ceil(reset - time.time()))
        scope[LIMITS] = (self._policy, (b"ratelimit", b'"key";r=%d;t=%d' % (left, seconds)))
        if not is_within:
            raise RateLimited(
                f"This server takes {self._item} of each API key. Wait {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
