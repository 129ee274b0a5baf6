"""Connections: how many one address may hold, so that nobody shuts the others out."""

import resource
from collections import Counter

MAX_FILES = 65_536
"""Descriptors that a server process asks the system for, where it may have so many."""
RESERVED_FILES = 200
"""Descriptors for the database, the store and child processes."""


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
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def shares_of(max_connections: int, max_connections_per_address: int) -> Shares:
    """Make the shares that settings name, within what the system allows."""
    possible = max(2, allowed_files() - RESERVED_FILES)
    return Shares(min(max_connections, possible), max_connections_per_address)
