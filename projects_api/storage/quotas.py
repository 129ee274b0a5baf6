"""Quotas: how many bytes people and projects may keep.

What is kept is added up twice: before bytes are stored, so that what cannot stay is not stored, and
in the transaction that refers to them, behind locks on the project and on the person. There, who
comes second sees what came first: two requests never pass a quota together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from projects_api.models import usage, user
from projects_api.models.accounts import service_account

_FOR_WHOM = {
    "person": ("the files that you brought or had made", "that you may keep"),
    "project": ("the files of this project", "of a project on this server"),
}


class QuotaExceeded(Exception):
    """What is to be kept does not fit; the text says so to who brings it, and what to do."""

    def __init__(self, whose: str, needed: int, quota: int) -> None:
        files, of_whom = _FOR_WHOM[whose]
        super().__init__(
            f"With this, {files} would have {needed} bytes, and {quota} is the most {of_whom}. "
            "Delete data sets, experiments or projects that are not needed any more "
            "(GET /api/usage lists them by size), or ask the server's operator for a larger quota."
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """For whom files are kept, and in which project.

    `coming_bytes` is what will be made of them, where that is known to be more.
    """

    user_id: str
    project_id: str | None = None
    coming_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most bytes of a person's and of a project's files; 0 is any number.

    `import_ratio` is how many times its own bytes the files of an archive may have.
    """

    person: float = 0
    project: float = 0
    import_ratio: float = 0

    def check(self, connection: Connection, claim: Claim, more_bytes: int = 0) -> None:
        """Refuse what has more than a quota with so many bytes more; raises QuotaExceeded."""
        if self.project and claim.project_id:
            used = usage.of_project(connection, claim.project_id)["stored_bytes"]
            _compare("project", used + more_bytes, self.project)
        user_id = service_account.who_answers(connection, claim.user_id)
        if quota := self.of_person(connection, user_id):
            used = usage.of_person(connection, user_id)["stored_bytes"]
            _compare("person", used + more_bytes, quota)

    def of_person(self, connection: Connection, user_id: str) -> float:
        """Return the person's own quota, or the one that is everybody's."""
        own = user.own_quota(connection, user_id)
        return self.person if own is None else own

    def confirm(self, connection: Connection, claim: Claim) -> None:
        """Check again where the files have their rows, which no other request adds to meanwhile.

        The caller holds the project. Raises QuotaExceeded.
        """
        user_id = service_account.who_answers(connection, claim.user_id)
        if self.of_person(connection, user_id):
            usage.hold_person(connection, user_id)
        self.check(connection, claim)


def compared(amount: Mapping[str, Any], quota: float) -> Any:
    """Put beside `stored_bytes` the quota and what is left of it; both are null without one."""
    left = max(int(quota) - amount["stored_bytes"], 0)
    limits = {"quota_bytes": int(quota), "left_bytes": left}
    return {**amount, **(limits if quota else dict.fromkeys(limits))}


def _compare(whose: str, needed: int, quota: float) -> None:
    if needed > quota:
        raise QuotaExceeded(whose, needed, int(quota))
