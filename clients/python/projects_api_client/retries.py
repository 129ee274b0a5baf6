"""When a request is sent again, and after how long."""

import random
from dataclasses import dataclass

_BUSY = frozenset({429, 503})
"""The server did not begin with the work."""
_GATEWAYS = frozenset({502, 504})
"""A proxy does not know whether the server did the work."""
_CONFLICT = 409
"""With `Retry-After`: the same request is still running."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and for how long one call is tried.

    It is sent `attempts` times at most, and waits between them `most_seconds` at most in all: where
    the server asks for more, the caller is told at once.
    """

    attempts: int = 5
    most_seconds: float = 60.0
    first_seconds: float = 0.5

    def pause(self, attempt: int, waited: float, retry_after: float | None) -> float | None:
        """Return the seconds to wait after an attempt, counted from 1; None is to give up.

        Without a wish of the server's they double each time, and are drawn at random below that,
        so that callers that failed together do not come back together.
        """
        if attempt >= self.attempts:
            return None
        seconds = retry_after
        if seconds is None:
            longest = self.first_seconds * 2 ** (attempt - 1)
            seconds = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        return seconds if waited + seconds <= self.most_seconds else None


def can_help(status: int, *, is_repeatable: bool, retry_after: float | None) -> bool:
    """Return whether another attempt may succeed and does nothing twice."""
    if status in _BUSY:
        return True
    if status == _CONFLICT:
        return is_repeatable and retry_after is not None
    return is_repeatable and status in _GATEWAYS
