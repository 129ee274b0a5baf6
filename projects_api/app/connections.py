"""Connections: how they are written to, how long things may take, how many an address may hold."""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable
from typing import Any

from projects_api.processes.resource_limits import allowed

MAX_FILES = 65_536
"""Descriptors that a server process asks the system for, where it may have so many."""
RESERVED_FILES = 200
"""Descriptors for the database, the store and child processes."""


class Clock:
    """Calls `end` where what it times goes on for so many seconds; may be run again then."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, end: Callable[[], None]
    ) -> None:
        self._loop, self._seconds, self._end = loop, seconds, end
        self._timer: asyncio.TimerHandle | None = None

    def run(self, goes_on: bool) -> bool:
        """Start it or stop it, unless it is so already; return whether it starts."""
        starts = goes_on and self._timer is None
        if starts:
            self._timer = self._loop.call_later(self._seconds, self._ring)
        elif not goes_on and self._timer:
            self._timer.cancel()
            self._timer = None
        return starts

    def _ring(self) -> None:
        self._timer = None
        self._end()


class Gathered:
    """A transport that writes two pieces at once where they come one right after the other.

    uvicorn writes the head of an answer, then its body. Each is a system call that wakes the other
    side: together they take a tenth less of a get. What is alone is written when the loop comes
    round, and before anything else is done with the connection.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._kept: bytes | None = None
        # Asked of it itself, by every request.
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Keep a piece, or write it behind the one that is kept."""
        if self._kept is None:
            self._kept = data
            self._loop.call_soon(self.flush)
        else:
            kept, self._kept = self._kept, None
            self._transport.writelines((kept, data))

    def flush(self) -> None:
        """Write what is kept."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._transport.write(kept)

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the transport has, when it has got all that was written."""
        self.flush()
        return getattr(self._transport, name)


class Shares:
    """Counts the connections of a server process, by the address that they come from.

    An address holds `most_of_one` at most, and no more than half of the `most` that there may be.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self.most = most
        self.most_of_one = min(most_of_one, max(1, most // 2))
        self._held: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Count a connection; return whether it is within both limits."""
        self._held[address] += 1
        return self._held[address] <= self.most_of_one and self._held.total() <= self.most

    def give_back(self, address: str) -> None:
        """Forget a connection that was counted."""
        self._held[address] -= 1
        if self._held[address] <= 0:
            del self._held[address]


def allowed_files() -> int:
    """Ask the system for as many descriptors as it lets this process have; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = allowed(resource.RLIMIT_NOFILE, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def shares_of(max_connections: int, max_connections_per_address: int) -> Shares:
    """Make the shares that settings name, within what the system allows."""
    possible = max(2, allowed_files() - RESERVED_FILES)
    return Shares(min(max_connections, possible), max_connections_per_address)
