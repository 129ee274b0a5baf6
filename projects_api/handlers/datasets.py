"""Data sets and their versions: upload, list, get, delete, describe, download."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection

from projects_api.access.problems import DatasetNotFound, ProjectNotFound
from projects_api.contract import File, Upload
from projects_api.database import Database
from projects_api.files.content import CHUNK_BYTES
from projects_api.handlers.translation import translated
from projects_api.models import dataset as datasets
from projects_api.models import dataset_version
from projects_api.models.api_key import Caller
from projects_api.schemas import (
    Dataset,
    DatasetAnalysis,
    DatasetColumns,
    DatasetEnvelope,
    DatasetList,
    DatasetPreview,
    DatasetQualityEnvelope,
    DatasetUpload,
    DatasetVersionList,
    DatasetVersionUpload,
    Project,
)
from projects_api.storage.artifacts import Artifacts, stored_file
from projects_api.storage.profiles import find_version, preview_of, profile_of
from projects_api.storage.quotas import Claim
from projects_api.tables import (
    MEDIA_TYPES,
    Said,
    TableFacts,
    TableFormat,
    convert_table,
    inspect_table,
)


def upload_dataset(
    connection: Connection,
    caller: Caller,
    project: Project,
    artifacts: Artifacts,
    *,
    name: str,
    file: Upload,
    description: str,
    **said: Unpack[Said],
) -> DatasetUpload:
    """Create a data set from an uploaded table, which is read as is said of it."""
    table = _inspected(file, said, caller)
    claim = Claim(caller.user_id, project["id"])
    with translated(), artifacts.keep(connection, {file.path: file.content}, claim):
        ids = datasets.create(
            connection,
            project["id"],
            name=name,
            description=description,
            sha256=file.content.sha256,
            user_id=caller.user_id,
            **table.as_columns(),
        )
        if ids is None:
            raise ProjectNotFound
    return {**ids, "quality": table.quality, "reading": table.reading}


def list_datasets(connection: Connection, project: Project, limit: int, offset: int) -> DatasetList:
    """List the data sets of a project, newest first."""
    items, total = datasets.list_for_project(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def get_dataset(dataset: Dataset) -> DatasetEnvelope:
    """Get a data set with the facts of its newest version."""
    return {"dataset": dataset}


def delete_dataset(connection: Connection, project: Project, dataset_id: str) -> dict[str, Any]:
    """Delete a data set with all its versions."""
    if not datasets.remove(connection, project["id"], dataset_id):
        raise DatasetNotFound
    return {"ok": True}


def list_dataset_versions(
    connection: Connection, dataset_id: str, limit: int, offset: int
) -> DatasetVersionList:
    """List the versions of a data set, newest first."""
    items, total = dataset_version.list_for_dataset(
        connection, dataset_id, limit=limit, offset=offset
    )
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def upload_dataset_version(
    connection: Connection,
    caller: Caller,
    project: Project,
    artifacts: Artifacts,
    dataset_id: str,
    *,
    file: Upload,
    **said: Unpack[Said],
) -> DatasetVersionUpload:
    """Make an uploaded table, which is read as is said of it, the newest version of a data set."""
    table = _inspected(file, said, caller)
    claim = Claim(caller.user_id, project["id"])
    with translated(), artifacts.keep(connection, {file.path: file.content}, claim):
        made = datasets.add_version(
            connection,
            project["id"],
            dataset_id,
            sha256=file.content.sha256,
            user_id=caller.user_id,
            **table.as_columns(),
        )
        if made is None:
            raise DatasetNotFound
    return {**made, "quality": table.quality, "reading": table.reading}


def get_dataset_quality(
    connection: Connection, dataset_id: str, version: int | None = None
) -> DatasetQualityEnvelope:
    """Get the judgement of a version that its upload came to."""
    with translated():
        found = find_version(connection, dataset_id, version)
    return {**_named(found), "quality": found["quality"]}


def get_dataset_columns(
    caller: Caller,
    database: Database,
    artifacts: Artifacts,
    dataset_id: str,
    version: int | None = None,
) -> DatasetColumns:
    """Get the columns of a version with their statistics."""
    with translated():
        found, profile = profile_of(database, artifacts, dataset_id, version, caller.user_id)
    return {**_named(found), "rows": found["rows"], "columns": profile["columns"]}


def analyze_dataset(
    caller: Caller,
    database: Database,
    artifacts: Artifacts,
    dataset_id: str,
    version: int | None = None,
) -> DatasetAnalysis:
    """Get the distributions and the correlations of a version's columns."""
    with translated():
        found, profile = profile_of(database, artifacts, dataset_id, version, caller.user_id)
    return {
        **_named(found),
        "rows": found["rows"],
        "columns": found["columns"],
        "distributions": profile["distributions"],
        "correlations": profile["correlations"],
    }


def preview_dataset(
    caller: Caller,
    database: Database,
    artifacts: Artifacts,
    dataset_id: str,
    *,
    limit: int,
    version: int | None = None,
) -> DatasetPreview:
    """Get the first rows of a version."""
    with translated():
        found, preview = preview_of(
            database, artifacts, dataset_id, version, limit=limit, asker=caller.user_id
        )
    return {
        **_named(found),
        "total_rows": found["rows"],
        "total_columns": found["columns"],
        "columns": preview["columns"],
        "rows": preview["rows"],
    }


def download_dataset(
    connection: Connection,
    caller: Caller,
    artifacts: Artifacts,
    dataset: Dataset,
    *,
    format: TableFormat | None = None,  # noqa: A002 - the contract's name for it
    version: int | None = None,
) -> File:
    """Send a version as it was uploaded, or in another format."""
    with translated():
        kept = find_version(connection, dataset["id"], version)
    wanted: TableFormat = format or kept["format"]
    name = f"{dataset['name'].removesuffix(f'.{wanted}')}.{wanted}"
    file = stored_file(connection, artifacts, kept, media_type=MEDIA_TYPES[wanted], name=name)
    if wanted == kept["format"]:
        return file
    return replace(file, chunks=_converted(artifacts, kept, wanted, caller), size=None, sha256=None)


def _inspected(file: Upload, said: Said, caller: Caller) -> TableFacts:
    with translated():
        return inspect_table(file.path, said, asker=caller.user_id)


class _Named(TypedDict):
    dataset_version_id: str
    version: int


def _named(found: dict[str, Any]) -> _Named:
    return {"dataset_version_id": found["id"], "version": found["version"]}


def _converted(
    artifacts: Artifacts, kept: dict[str, Any], wanted: TableFormat, caller: Caller
) -> Iterator[bytes]:
    """Convert a table once its transaction has ended, for that may take seconds."""
    with artifacts.fetched(kept["sha256"]) as source, artifacts.spool() as target:
        with translated():
            convert_table(source, kept["dialect"], wanted, target.path, asker=caller.user_id)
        with target.path.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")
