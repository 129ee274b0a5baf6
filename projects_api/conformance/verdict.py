"""Verdicts: what of an exchange breaks the contract, and what of it could not be judged."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

REQUEST = "request"
RESPONSE = "response"
_OF_FORMAT = re.compile(r' is not an? "[a-z-]+"$')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks the contract: in the request or the response, and where in it."""

    side: str
    location: str
    """Such as `body`, `header`, `query`, `path` or `status`."""
    pointer: str
    message: str

    def __str__(self) -> str:
        where = f"{self.location} {self.pointer}".strip()
        return f"{self.side} {where}: {self.message}"


@dataclass(slots=True)
class Verdict:
    """What was found in one exchange; `operation` is None where the contract has none."""

    operation: str | None
    method: str
    target: str
    status: int
    faults: list[Fault] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    """Sentences that say what, and why."""

    def lines(self) -> list[str]:
        """Write a line for each fault, with its request."""
        about = f"{self.method} {self.target[:300]} {self.status or '-'}"
        return [f"{about} {self.operation or '-'}: {fault}" for fault in self.faults]


def each_once(faults: Iterable[Fault]) -> list[Fault]:
    """Leave out that a value has not its format, where it has not its pattern either."""
    kept: list[Fault] = []
    places = set()
    # What is told of a format comes last.
    for fault in sorted(faults, key=lambda one: bool(_OF_FORMAT.search(one.message))):
        place = (fault.side, fault.location, fault.pointer)
        if not _OF_FORMAT.search(fault.message) or place not in places:
            kept.append(fault)
        places.add(place)
    return kept
