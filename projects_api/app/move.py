"""A whole installation moved to another database and another artifact store, of whatever kind."""

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import delete

from projects_api.app.backup import copy_contents
from projects_api.database import Database, schema, transfer
from projects_api.database.copies import is_empty
from projects_api.database.transfer import Summary
from projects_api.files.progress import Report, StageReport, tell_nobody
from projects_api.models import artifact, blob
from projects_api.settings import Settings
from projects_api.storage.store import ArtifactStore


class MoveRefused(Exception):
    """An installation cannot be moved; the text says why, and what to do."""


@dataclass(frozen=True)
class Moved:
    """What was moved: rows by table, files, and their bytes."""

    tables: dict[str, Summary]
    contents: int
    bytes: int

    @property
    def rows(self) -> int:
        """Return how many rows there are in all tables."""
        return sum(summary.rows for summary in self.tables.values())


def move(source: Settings, target: Settings, report: StageReport = tell_nobody) -> Moved:
    """Copy rows and files, and compare both; raises MoveRefused, and then no row was copied.

    Nothing is changed in the source, and nobody can change it meanwhile. What a content refers
    to is there before the row that says so. `report` is told what is copied, and how far that is.
    """
    with closing(Database(source.database)) as old, closing(Database(target.database)) as new:
        if _place(old) == _place(new):
            raise MoveRefused("That is the database that is used already. Name another one.")
        if _revision(old) != schema.head():
            raise MoveRefused("Run `projects-api db upgrade` first.")
        if not is_empty(new) and _revision(new) != schema.head():
            raise MoveRefused("The new database is not empty. Name another one.")
        schema.upgrade(new)
        with transfer.held_still(old) as reader:
            contents = artifact.list_used_contents(reader)
            _copy_files(source, target, contents, partial(report, "Copying the files"))
            report("Copying the rows", 0)
            with new.transaction() as writer:
                if transfer.has_rows(writer):
                    raise MoveRefused("The new database is not empty. Name another one.")
                transfer.copy_rows(reader, writer)
                tables = transfer.summarize(writer)
                if tables != transfer.summarize(reader):
                    raise MoveRefused("Some rows are others in the new database. Nothing is kept.")
                # Those who hold contents are at work in the old place.
                writer.execute(delete(blob.blob_leases))
    return Moved(tables, len(contents), sum(contents.values()))


def _place(database: Database) -> object:
    url = database.engine.url
    return Path(url.database or "").resolve() if database.is_embedded else url


def _revision(database: Database) -> str | None:
    with database.transaction(writing=False) as connection:
        return schema.current(connection)


def _copy_files(
    source: Settings, target: Settings, contents: dict[str, int], report: Report
) -> None:
    if source.artifacts == target.artifacts:
        return
    stores = ArtifactStore(source.artifacts), ArtifactStore(target.artifacts)
    faults = copy_contents(*stores, contents, report=report)
    if faults:
        raise MoveRefused(" ".join(faults))
