"""Limits of the system for a process: what it may take at the most."""

import resource


def allowed(kind: int, most: int) -> int:
    """Return `most`, or the hard limit where that is lower: nobody may raise it."""
    _, hard = resource.getrlimit(kind)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def limit(kind: int, most: int) -> None:
    """Let this process take no more of a kind from now on, for good."""
    both = allowed(kind, most)
    resource.setrlimit(kind, (both, both))
