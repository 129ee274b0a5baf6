"""Rules for faults: for applications under test, which add no headers to their requests."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from projects_api.contract.problems import Problem
from projects_api.ephemeral.faults import Fault

MOST_RULES = 100


class TooManyRules(Problem):
    """There are as many rules as there may be."""

    status = 409
    slug = "too-many-fault-rules"
    title = "There are too many rules"
    detail = f"Delete rules, or reset the server: it keeps {MOST_RULES}."


@dataclass(slots=True)
class FaultRule:
    """A fault for the next requests of an operation, a role, both or any."""

    id: int
    fault: Fault
    operation: str | None
    role: str | None
    times: int | None
    """How often, or None for as long as it is there."""
    made: int = 0

    def concerns(self, operation: str, role: str | None) -> bool:
        """Return whether it has a fault for such a request."""
        is_left = self.times is None or self.made < self.times
        return is_left and self.operation in {None, operation} and self.role in {None, role}

    def document(self) -> dict[str, Any]:
        """Describe it."""
        return {
            "id": self.id,
            "fault": self.fault.name,
            "operation": self.operation,
            "role": self.role,
            "times": self.times,
            "made": self.made,
        }


class FaultRules:
    """The rules, in the order in which they came; used on the event loop alone."""

    def __init__(self) -> None:
        self._rules: dict[int, FaultRule] = {}
        self._ids = count(1)

    def add(
        self, fault: Fault, operation: str | None, role: str | None, times: int | None
    ) -> FaultRule:
        """Add a rule behind the others; raises TooManyRules."""
        if len(self._rules) >= MOST_RULES:
            raise TooManyRules
        rule = FaultRule(next(self._ids), fault, operation, role, times)
        self._rules[rule.id] = rule
        return rule

    def take(self, operation: str, role: str | None) -> Fault | None:
        """Return the fault of the first rule that concerns a request, and count it."""
        for rule in self._rules.values():
            if rule.concerns(operation, role):
                rule.made += 1
                return rule.fault
        return None

    def list(self) -> list[dict[str, Any]]:
        """Describe all, those that have made all their faults, too."""
        return [rule.document() for rule in self._rules.values()]

    def remove(self, rule_id: int) -> bool:
        """Remove one; tell whether it was there."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Remove all."""
        self._rules.clear()
