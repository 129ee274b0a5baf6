"""A limit on the requests of each API key, where the operator sets one."""

import math
import time

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from projects_api.access.problems import RateLimited


class RateLimit:
    """Counts requests by key, in memory or in the store that the URL names."""

    def __init__(self, rate: str, storage_url: str) -> None:
        self._item = parse(rate)
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage_url))

    def check(self, key_id: str) -> None:
        """Count a request; raises `RateLimited` with the seconds to wait."""
        if not self._limiter.hit(self._item, key_id):
            reset, _ = self._limiter.get_window_stats(self._item, key_id)
            seconds = max(1, math.ceil(reset - time.time()))
            raise RateLimited(
                f"This server takes {self._item} of each API key. Wait {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
