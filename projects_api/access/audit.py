"""The audit log as requests fill it: changes in their own transaction, refusals right after.

A refusal changes nothing, so that nobody may fill the database with them: each caller has a few
entries of their own in a minute, all without a known key together as many, and the rest is counted.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from re import compile as pattern
from typing import Any

import uuid_utils
from starlette.types import Scope

from projects_api.contract.rules import OPERATION, REQUEST_ID
from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.models import audit
from projects_api.models.audit import Entry
from projects_api.models.base import now

CALLER = "projects_api.caller"
"""The place in a request's scope where its caller's user id stands, once the key is known."""
KEY = "projects_api.key"
"""The place of the key's id."""
PROJECT = "projects_api.project"
"""The place of the id of the project that is concerned, once the caller is known as a member."""
CHANGE = "projects_api.change"
"""The place that has something where the operation changes what is kept."""

MAX_WAITING = 1000
"""Refusals of a process that wait to be written."""
MAX_COUNTED = 100
"""Kinds of refusals that are counted apart in a minute."""
RETRY_SECONDS = 1.0
_MINUTE = 60
_UNAUTHENTICATED, _FORBIDDEN, _CLIENT_ERRORS = 401, 403, range(400, 500)
_ID = pattern(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PROJECT_PATH = pattern(rf"/api/(?:mlops/)?projects/({_ID.pattern})")
_COUNTED = ("user_id", "key_id", "project_id", "operation", "status")


def entry_of(scope: Mapping[str, Any], status: int, location: str = "") -> Entry:
    """Tell of a request in ids; `location` is the path of what it made."""
    path = location or scope["path"]
    ids = _ID.findall(path)
    of_project = _PROJECT_PATH.match(path)
    client = scope.get("client")
    return {
        "created_at": now(),
        "user_id": scope.get(CALLER),
        "key_id": scope.get(KEY),
        "project_id": scope.get(PROJECT) or (of_project[1].lower() if of_project else None),
        "resource_id": ids[-1].lower() if ids else None,
        "operation": scope.get(OPERATION),
        "status": status,
        "request_id": scope.get(REQUEST_ID),
        "client": client[0][:64] if client else None,
        "request_count": 1,
    }


def is_refusal(scope: Mapping[str, Any], status: int) -> bool:
    """Return whether a key, scope or role was refused, or a change for whatever reason."""
    if status in {_UNAUTHENTICATED, _FORBIDDEN}:
        return True
    return status in _CLIENT_ERRORS and CHANGE in scope


class Refusals:
    """What was refused, on its way into the audit log; written by a thread of its own."""

    def __init__(self, database: Database, *, each_minute: int) -> None:
        self._database = database
        self._each_minute = each_minute
        self._news = threading.Condition()
        self._waiting: list[Entry] = []
        self._minute = 0
        self._told: Counter[str | None] = Counter()
        self._left_out: Counter[tuple[Any, ...]] = Counter()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._endurance = Endurance("refusals_not_written")

    def note(self, scope: Scope, status: int) -> None:
        """Note a refusal, and wait for nothing."""
        with self._news:
            self._turn()
            who = scope.get(CALLER)
            if self._told[who] < self._each_minute and len(self._waiting) < MAX_WAITING:
                self._told[who] += 1
                self._waiting.append(entry_of(scope, status))
            else:
                self._count(scope, status)
            self._begin()
            self._news.notify_all()

    def close(self) -> None:
        """Write what waits, and what was counted, then write no more."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        if self._thread:
            self._thread.join()

    def _begin(self) -> None:
        # Most processes refuse nobody for long, and need no thread.
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
            self._thread.start()

    def _turn(self) -> None:
        """Begin a minute: what was counted in the last one becomes entries."""
        minute = int(time.monotonic() // _MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
            self._write_down()

    def _count(self, scope: Mapping[str, Any], status: int) -> None:
        entry = entry_of(scope, status)
        # Whoever has no key says what they like of projects; of one with a key it was looked up.
        known = entry["user_id"] is not None
        kind = tuple(entry[name] for name in ("user_id", "key_id")) + (
            (scope.get(PROJECT), entry["operation"]) if known else (None, None)
        )
        kind = (*kind, status)
        if kind not in self._left_out and len(self._left_out) >= MAX_COUNTED:
            kind = (None, None, None, None, status)
        self._left_out[kind] += 1

    def _write_down(self) -> None:
        moment = now()
        self._waiting += [
            {
                **dict.fromkeys(("resource_id", "request_id", "client")),
                **dict(zip(_COUNTED, kind, strict=True)),
                "created_at": moment,
                "request_count": count,
            }
            for kind, count in self._left_out.items()
        ]
        self._left_out.clear()

    def _run(self) -> None:
        while batch := self._next():
            written = False
            with self._endurance.step():
                with self._database.transaction() as connection:
                    audit.add_all(
                        connection, [{"id": str(uuid_utils.uuid7()), **one} for one in batch]
                    )
                written = True
            if not written and not self._put_back(batch):
                return

    def _next(self) -> list[Entry]:
        """Wait for entries; none are the end."""
        with self._news:
            while not self._waiting and not self._closing:
                left = _MINUTE - time.monotonic() % _MINUTE if self._left_out else None
                self._news.wait(left)
                self._turn()
            if self._closing:
                self._write_down()
            batch, self._waiting = self._waiting, []
        return batch

    def _put_back(self, batch: list[Entry]) -> bool:
        """Keep for another try what there is room for; tell whether there will be one."""
        with self._news:
            self._waiting[:0] = batch[: max(MAX_WAITING - len(self._waiting), 0)]
            self._news.wait_for(lambda: self._closing, timeout=RETRY_SECONDS)
            return not self._closing
