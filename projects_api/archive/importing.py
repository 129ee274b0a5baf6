"""Imports: an export of any server, made a project of this one.

An archive is anybody's bytes. It is refused as early as it can be, nothing of it is kept before all
of it was looked at, and every id in it becomes a new one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection

from projects_api.archive.manifest import completed, manifest_faults
from projects_api.archive.reader import (
    ArchiveReader,
    ArchiveRefused,
    ListedFile,
    Manifest,
    open_archive,
    shown,
)
from projects_api.archive.rows import insert_members, insert_project
from projects_api.contract.visible import cleaned, fault
from projects_api.database import Database
from projects_api.files.content import Content
from projects_api.files.progress import ByteProgress, Report, StageReport, tell_nobody
from projects_api.models import job, user
from projects_api.models.base import new_id, now
from projects_api.storage.artifacts import Artifacts
from projects_api.tables import NotATable, inspect_table

READ_AT_ONCE_BYTES = 4 * 1024 * 1024
"""The largest manifest that is read while its sender waits; JSON may take 20 times that much."""
INTERRUPTED = "It had not ended when its project was exported."
LEFT_OUT = "Documents do not come with an imported project, for they could be anybody's."
_NAMED = ("datasets", "experiments", "models", "reports", "deployments")
_DOCUMENTS = {"path": None, "artifact_id": None, "pdf_path": None, "pdf_artifact_id": None}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A project out of an archive: its complete manifest, and its files by their names there."""

    document: dict[str, Any]
    listed: dict[str, ListedFile]
    extracted: dict[str, tuple[Path, Content]]

    @property
    def contents(self) -> dict[Path, Content]:
        """The files as they lie in the folder, for the store."""
        return dict(self.extracted.values())


def check_archive(path: Path, max_bytes: int, max_ratio: float = 0) -> int:
    """Find what is wrong with an archive without reading its files; raises ArchiveRefused.

    `max_bytes` is how large its files may be together, `max_ratio` how many times its own size.
    A very large manifest is left to `unpack`. Return how large they are said to be.
    """
    with open_archive(path) as archive:
        _refuse(archive.directory_faults())
        archive.check_ratio(max_ratio)
        if archive.manifest_bytes <= READ_AT_ONCE_BYTES:
            _checked_manifest(archive, max_bytes)
        return archive.unpacked_bytes - archive.manifest_bytes


def unpack(
    path: Path,
    folder: Path,
    max_bytes: int | None = None,
    report: Report = lambda _percent: None,
    *,
    max_ratio: float = 0,
    with_documents: bool = False,
) -> Unpacked:
    """Take a project out of an archive, each file under a number in the folder.

    Reports have failed, for they have no documents, unless it is to be `with_documents`: what
    such a file says and does to its reader would seem to be the server's own.

    Every size, CRC-32 and SHA-256 is compared. `report` is told how far that is, in percent.
    Raises ArchiveRefused; OSError where the folder has no room.
    """
    with open_archive(path) as archive:
        _refuse(archive.directory_faults())
        archive.check_ratio(max_ratio)
        manifest = _checked_manifest(archive, max_bytes)
        extracted = dict(_extract(archive, manifest.files, folder, report))
    unpacked = Unpacked(completed(manifest.document), manifest.files, extracted)
    return unpacked if with_documents else _without_documents(unpacked)


def _without_documents(unpacked: Unpacked) -> Unpacked:
    rows = unpacked.document["reports"]
    documents = {row[name] for row in rows for name in ("path", "pdf_path")}
    kept = {name: one for name, one in unpacked.extracted.items() if name not in documents}
    failed = {"status": "failed", "message": LEFT_OUT}
    reports = [
        {**row, **_DOCUMENTS, **(failed if row["status"] == "succeeded" else {})} for row in rows
    ]
    return replace(unpacked, document={**unpacked.document, "reports": reports}, extracted=kept)


def read_tables(unpacked: Unpacked, report: Report = lambda _percent: None) -> None:
    """Put what the tables are found to be in the place of what the manifest says of them.

    What their senders said of how they are to be read is followed.
    Raises ArchiveRefused where one is no table.
    """
    versions = [one for found in unpacked.document["datasets"] for one in found["versions"]]
    for number, version in enumerate(versions, 1):
        name, dialect = version["path"], version.get("dialect") or {}
        said = dialect.get("written", {}).get("given")
        try:
            facts = inspect_table(unpacked.extracted[name][0], said).as_columns()
        except NotATable as refused:
            raise ArchiveRefused(f"{shown(name)} is no table. {refused.reason}") from refused
        unpacked.listed[name] = replace(unpacked.listed[name], media_type=facts.pop("media_type"))
        version.update(facts)
        report(100 * number / len(versions))


def import_archive(
    database: Database,
    artifacts: Artifacts,
    path: Path,
    *,
    owner_id: str,
    name: str | None = None,
    report: StageReport = tell_nobody,
) -> tuple[str, list[str]]:
    """Make a project of an archive at once; return its id, and what `insert_unpacked` does.

    Raises ArchiveRefused; OSError where the archive cannot be read or the folder has no room.
    """
    project_id = new_id()
    with TemporaryDirectory(prefix="projects-api-") as folder:
        unpacked = unpack(path, Path(folder), report=partial(report, "Checking the files"))
        read_tables(unpacked, partial(report, "Reading the tables"))
        with database.connect(writing=True) as connection:
            with artifacts.keep(connection, unpacked.contents):
                strangers = insert_unpacked(
                    connection,
                    unpacked,
                    project_id=project_id,
                    owner_id=owner_id,
                    name=name,
                    with_members=True,
                )
            connection.commit()
    return project_id, strangers


def insert_unpacked(
    connection: Connection,
    unpacked: Unpacked,
    *,
    project_id: str,
    owner_id: str,
    name: str | None = None,
    with_members: bool,
) -> list[str]:
    """Insert the project under an id that is not taken; its contents are in the store.

    Its members are those of the archive only `with_members`, for who may write an archive could
    make anybody a member. Return the e-mail addresses of those who are none now.
    """
    moment = now()
    document = _with_clear_names(unpacked.document)
    project = {**document["project"], "created_at": moment, "updated_at": moment}
    changed = {
        "project": {**project, "name": name or project["name"]},
        "experiments": [_ended(row) for row in document["experiments"]],
        "reports": [_ended(row) for row in document["reports"]],
    }
    new_ids = _NewIds({project["id"]: project_id})
    rows = {**document, **changed}
    insert_project(connection, rows, unpacked.listed, new_ids.__getitem__, user_id=owner_id)
    if with_members:
        return _add_members(connection, document["members"], project_id, owner_id)
    _add_members(connection, [], project_id, owner_id)
    emails = [one["email"] for one in document["members"]]
    return [email for email in emails if user.find_id(connection, email) != owner_id]


def _with_clear_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of names what no new one may have; what has no name then is called by its id."""
    lists = {part: list(map(_clearly_named, document[part])) for part in _NAMED}
    return {**document, **lists, "project": _clearly_named(document["project"])}


def _clearly_named(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "name": cleaned(row["name"]) or row["id"]} if fault(row["name"]) else row


def _add_members(
    connection: Connection, listed: Iterable[Mapping[str, Any]], project_id: str, owner_id: str
) -> list[str]:
    """Make those members who are registered here, and the owner; return the others' addresses."""
    joined: dict[str, dict[str, Any]] = {}
    strangers = []
    for one in listed:
        if user_id := user.find_id(connection, one["email"]):
            joined[user_id] = {"role": one["role"], "created_at": one["created_at"]}
        else:
            strangers.append(one["email"])
    joined[owner_id] = {"created_at": now(), **joined.get(owner_id, {}), "role": "owner"}
    insert_members(
        connection,
        [{"project_id": project_id, "user_id": one, **facts} for one, facts in joined.items()],
    )
    return strangers


class _NewIds(dict[str, str]):
    """A new id for each old one, the same wherever the old one stands."""

    def __missing__(self, old: str) -> str:
        self[old] = new_id()
        return self[old]


def _ended(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """End what was at work when its project was exported, for nobody works on it here."""
    if row["status"] not in job.OPEN:
        return row
    return {**row, "status": "cancelled", "message": INTERRUPTED}


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ArchiveRefused(*faults)


def _checked_manifest(archive: ArchiveReader, max_bytes: int | None) -> Manifest:
    manifest = archive.read_manifest()
    _refuse(list(archive.file_faults(manifest.files).values()))
    total = sum(file.size for file in manifest.files.values())
    if max_bytes is not None and total > max_bytes:
        raise ArchiveRefused(f"Its files have {total} bytes, and {max_bytes} is the most.")
    _refuse(manifest_faults(manifest.document, manifest.files))
    return manifest


def _extract(
    archive: ArchiveReader, listed: Mapping[str, ListedFile], folder: Path, report: Report
) -> Iterator[tuple[str, tuple[Path, Content]]]:
    progress = ByteProgress(sum(file.size for file in listed.values()), report)
    for number, (name, file) in enumerate(listed.items()):
        # Under a number: the names in an archive are anybody's.
        target = folder / str(number)
        yield name, (target, archive.extract(name, file, target, progress))
