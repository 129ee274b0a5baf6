"""How long a database may take to answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that things may take; 0 is for ever.

    `connect` is for a connection and for the question whether one still works, `statement` for
    each statement, `lock` for what it waits for, `silence` for a network that confirms nothing.
    """

    connect: float = 5
    statement: float = 0
    lock: float = 0
    silence: float = 30


NO_LIMITS = Limits()
"""For commands, which may take long."""
