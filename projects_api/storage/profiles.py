"""What a closer look at a version of a data set finds: computed once, and kept beside it.

A version never changes, so that what is kept of it stays true.
"""

from threading import Lock
from typing import Any

from sqlalchemy import Connection

from projects_api.database import Database
from projects_api.models import dataset_version
from projects_api.processes.turns import Turns
from projects_api.storage.artifacts import Artifacts
from projects_api.tables import describe_table, preview_table

MAX_LOOKS = 6
"""Requests of this process that look at a table or wait for it; half of them of one caller."""
_looks = Turns(MAX_LOOKS, most_of_one=MAX_LOOKS // 2)
_turns = [Lock() for _ in range(64)]
"""Who asks for what is being computed waits for it: the same version has the same turn."""


class VersionNotFound(LookupError):
    """The data set has no such version, or none any more."""


class TooManyReaders(Exception):
    """As many tables are being looked at as may be at once."""


def find_version(connection: Connection, dataset_id: str, number: int | None) -> dict[str, Any]:
    """Find a version of a data set, the newest one by default; raises VersionNotFound."""
    found = dataset_version.find(connection, dataset_id, number)
    if found is None:
        raise VersionNotFound
    return found


def profile_of(
    database: Database,
    artifacts: Artifacts,
    dataset_id: str,
    number: int | None,
    asker: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find a version and its profile, which is computed where nobody has asked for it yet.

    Raises VersionNotFound, NotATable where the table takes too much to read, and TooManyReaders.
    """
    with database.transaction(writing=False) as connection:
        version = find_version(connection, dataset_id, number)
        kept = dataset_version.find_profile(connection, version["id"])
    return version, kept or _look(database, artifacts, version, asker)


def preview_of(
    database: Database,
    artifacts: Artifacts,
    dataset_id: str,
    number: int | None,
    *,
    limit: int,
    asker: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find a version and its first rows; raises VersionNotFound, NotATable and QueueFull."""
    with database.transaction() as connection:
        version = find_version(connection, dataset_id, number)
        lease = artifacts.lease(connection, [version["sha256"]])
    try:
        with artifacts.fetched(version["sha256"]) as source:
            return version, preview_table(source, version["dialect"], limit, asker=asker)
    finally:
        artifacts.release(lease)


def _look(
    database: Database, artifacts: Artifacts, version: dict[str, Any], asker: str
) -> dict[str, Any]:
    if not _looks.enter(asker):
        raise TooManyReaders
    try:
        with _turns[hash(version["id"]) % len(_turns)]:
            with database.transaction(writing=False) as connection:
                kept = dataset_version.find_profile(connection, version["id"])
            return kept or _compute(database, artifacts, version)
    finally:
        _looks.leave(asker)


def _compute(database: Database, artifacts: Artifacts, version: dict[str, Any]) -> dict[str, Any]:
    with database.transaction() as connection:
        # Once more, for the file may be gone by now, and stays from here on.
        find_version(connection, version["dataset_id"], version["version"])
        lease = artifacts.lease(connection, [version["sha256"]])
    try:
        with artifacts.fetched(version["sha256"]) as source:
            profile = describe_table(source, version["dialect"])
    finally:
        artifacts.release(lease)
    with database.transaction() as connection:
        dataset_version.keep_profile(connection, version["id"], profile)
        # Of two that were computed at once, all see the one that was kept.
        kept = dataset_version.find_profile(connection, version["id"])
    if kept is None:
        raise VersionNotFound
    return kept
