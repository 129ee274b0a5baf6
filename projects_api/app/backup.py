"""Backups: a copy of the database of one moment, and every file that it refers to."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from sqlalchemy import Connection, delete
from sqlalchemy.exc import IntegrityError

from projects_api.database import Database, schema
from projects_api.database.copies import CopyFailed, copy_in, copy_out, is_empty
from projects_api.files.content import describe
from projects_api.files.progress import ByteProgress, Report, StageReport, tell_nobody
from projects_api.files.spool import Spool
from projects_api.models import artifact, blob
from projects_api.models.base import now
from projects_api.settings import Settings
from projects_api.storage.faults import LOST
from projects_api.storage.store import ArtifactStore

FORMAT_VERSION = 1
RENEW_SECONDS = 3600.0
_SUMMARY, _DATABASE, _ARTIFACTS = "backup.json", "database", "artifacts"
_COPYING = "Copying the files"
_ATTEMPTS = 5
Contents = Mapping[str, int]
Result = TypeVar("Result")


class BackupRefused(Exception):
    """A backup cannot be made or put back; the text says why, and what to do."""


@dataclass(frozen=True)
class Summary:
    """What a backup has; its last file, so that a backup without one is not whole."""

    format_version: int
    made_at: str
    kind: str
    revision: str | None
    database_sha256: str
    contents: int
    bytes: int


def back_up(settings: Settings, folder: Path, report: StageReport = tell_nobody) -> Summary:
    """Write a backup into an empty folder while the server goes on; raises BackupRefused.

    What the copy of the database refers to is kept from collection until it is copied, too.
    `report` is told what is copied, and how far that is.
    """
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupRefused(f"{folder} is not empty. Name a new folder for each backup.")
    store = ArtifactStore(settings.artifacts)
    with closing(Database(settings.database)) as database:
        copy = folder / _DATABASE
        report("Copying the database", 0)
        revision, lease, contents = _attempt(lambda: copy_out(database, copy, _hold))
        try:
            target = ArtifactStore(str(folder / _ARTIFACTS))
            renew = _Renewal(database, lease)
            faults = copy_contents(store, target, contents, renew, partial(report, _COPYING))
        finally:
            with database.transaction() as connection:
                blob.release(connection, lease)
        kind = database.engine.dialect.name
    if faults:
        raise BackupRefused(" ".join(faults))
    total = sum(contents.values())
    summary = Summary(
        FORMAT_VERSION, now(), kind, revision, describe(copy).sha256, len(contents), total
    )
    (folder / _SUMMARY).write_text(json.dumps(asdict(summary), indent=2) + "\n")
    return summary


def restore(settings: Settings, folder: Path, report: StageReport = tell_nobody) -> Summary:
    """Put a backup into an empty database and an empty store, and compare; raises BackupRefused.

    `report` is told what is done, and how far that is.
    """
    summary = _read_summary(folder)
    store, source = ArtifactStore(settings.artifacts), ArtifactStore(str(folder / _ARTIFACTS))
    with closing(Database(settings.database)) as database:
        _check_target(summary, database, store)
        # Files first: no row ever refers to what is not there.
        found = dict(source.list())
        _compare_sums(summary, found, "the folder has")
        faults = copy_contents(source, store, found, report=partial(report, _COPYING))
        if faults:
            raise BackupRefused(" ".join(faults))
        report("Copying the database", 0)
        _attempt(lambda: copy_in(database, folder / _DATABASE))
        schema.upgrade(database)
        with database.transaction() as connection:
            connection.execute(delete(blob.blob_leases))  # Their owners do not live here.
            contents = artifact.list_used_contents(connection)
    _compare(summary, contents, store, partial(report, "Comparing the files"))
    return summary


def copy_contents(
    source: ArtifactStore,
    target: ArtifactStore,
    contents: Contents,
    go_on: Callable[[], None] = lambda: None,
    report: Report = lambda _percent: None,
) -> list[str]:
    """Copy contents, each compared with its SHA-256; return what is wrong with some.

    `go_on` is called again and again, and `report` is told how far it is, in percent.
    """
    faults = []
    progress = ByteProgress(sum(contents.values()), report)
    for sha256 in contents:
        go_on()
        try:
            with Spool(target.spool_folder) as spool:
                for chunk in source.read(sha256):
                    spool.write(chunk)
                    progress.add(len(chunk))
                target.put(spool.content(), spool.path)
        except LOST:
            faults.append(f"The content {sha256} is missing or damaged.")
    return faults


def _hold(connection: Connection) -> tuple[str | None, str, dict[str, int]]:
    contents = artifact.list_used_contents(connection)
    return schema.current(connection), blob.lease(connection, contents), contents


def _attempt(copy: Callable[[], Result]) -> Result:
    """Copy; anew where a content was collected in the moment in which it should be kept."""
    for attempt in range(_ATTEMPTS):
        try:
            return copy()
        except CopyFailed as failed:
            raise BackupRefused(str(failed)) from failed
        except IntegrityError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


class _Renewal:
    """Moves the end of a lease on, for what takes longer to copy than a lease lasts."""

    def __init__(self, database: Database, lease: str) -> None:
        self._database, self._lease, self._last = database, lease, monotonic()

    def __call__(self) -> None:
        if monotonic() - self._last > RENEW_SECONDS:
            with self._database.transaction() as connection:
                blob.renew(connection, self._lease)
            self._last = monotonic()


def _read_summary(folder: Path) -> Summary:
    try:
        summary = Summary(**json.loads((folder / _SUMMARY).read_text()))
        if summary.format_version != FORMAT_VERSION:
            raise BackupRefused(f"{folder} is a backup of a newer version.")
        if summary.database_sha256 != describe(folder / _DATABASE).sha256:
            raise BackupRefused(f"{folder / _DATABASE} is not the file that was backed up.")
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise BackupRefused(f"{folder} is no whole backup: {why}") from error
    except (ValueError, TypeError) as error:
        why = f"{_SUMMARY} is not what a backup writes"
        raise BackupRefused(f"{folder} is no whole backup: {why}") from error
    return summary


def _check_target(summary: Summary, database: Database, store: ArtifactStore) -> None:
    if summary.kind != database.engine.dialect.name:
        raise BackupRefused(
            f"The backup is of {summary.kind}, and PROJECTS_API_DATABASE_URL names another kind."
        )
    if not schema.knows(summary.revision):
        raise BackupRefused("The backup is of a newer version: install that one first.")
    if not is_empty(database):
        raise BackupRefused("The database is not empty. Name a new one, or remove what it has.")
    if next(store.list(), None):
        raise BackupRefused("The artifact store is not empty. Name a new one, or empty it.")


def _compare_sums(summary: Summary, contents: Contents, what: str) -> None:
    found = len(contents), sum(contents.values())
    if found != (summary.contents, summary.bytes):
        raise BackupRefused(
            f"The backup has {summary.contents} contents of {summary.bytes} bytes, and {what} "
            f"{found[0]} of {found[1]}."
        )


def _compare(summary: Summary, contents: Contents, store: ArtifactStore, report: Report) -> None:
    _compare_sums(summary, contents, "what was restored refers to")
    stored, progress = dict(store.list()), ByteProgress(sum(contents.values()), report)
    wrong = []
    for sha256, size in contents.items():
        if sha256 not in stored or not store.verify(sha256):
            wrong.append(sha256)
        progress.add(size)
    if wrong:
        raise BackupRefused(f"Missing or damaged after all: {', '.join(wrong)}.")
