"""Data sets: upload, list, get, delete, download."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import Connection

from projects_api.models import dataset, dataset_version
from projects_api.server.artifact_store import CHUNK_BYTES
from projects_api.server.artifacts import Artifacts
from projects_api.server.bodies import Upload
from projects_api.server.problems import DatasetNotFound, ProjectNotFound, TableRefused
from projects_api.server.responses import File
from projects_api.server.tables import (
    MEDIA_TYPES,
    NotATable,
    TableFormat,
    convert_table,
    inspect_table,
)


def upload_dataset(
    connection: Connection,
    project: dict[str, Any],
    artifacts: Artifacts,
    *,
    name: str,
    file: Upload,
    description: str,
) -> dict[str, Any]:
    """Create a data set from an uploaded table."""
    try:
        table = inspect_table(file.path)
    except NotATable as refused:
        raise TableRefused(refused.reason) from refused
    with artifacts.keep(connection, {file.path: file.content}):
        ids = dataset.create(
            connection,
            project["id"],
            name=name,
            description=description,
            sha256=file.content.sha256,
            **table.as_columns(),
        )
        if ids is None:
            raise ProjectNotFound
    return {**ids, "quality": {"overall_score": table.overall_score, "issues": table.issues}}


def list_datasets(
    connection: Connection, project: dict[str, Any], limit: int, offset: int
) -> dict[str, Any]:
    """List the data sets of a project, newest first."""
    items, total = dataset.list_for_project(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def get_dataset(connection: Connection, dataset_id: str) -> dict[str, Any]:
    """Get a data set with the facts of its newest version."""
    found = dataset.find(connection, dataset_id)
    if found is None:
        raise DatasetNotFound
    return {"dataset": found}


def delete_dataset(
    connection: Connection, project: dict[str, Any], dataset_id: str
) -> dict[str, Any]:
    """Delete a data set with all its versions."""
    if not dataset.remove(connection, project["id"], dataset_id):
        raise DatasetNotFound
    return {"ok": True}


def download_dataset(
    connection: Connection,
    artifacts: Artifacts,
    dataset_id: str,
    format: TableFormat | None = None,  # noqa: A002 - the contract's name for it
) -> File:
    """Send a data set as it was uploaded, or in another format."""
    found = dataset.find(connection, dataset_id)
    if found is None:
        raise DatasetNotFound
    lease = artifacts.lease(connection, [found["sha256"]])
    wanted: TableFormat = format or found["format"]
    as_uploaded = wanted == found["format"]
    chunks = artifacts.read(found["sha256"])
    if not as_uploaded:
        dialect = dataset_version.find_dialect(connection, found["dataset_version_id"])
        chunks = _converted(artifacts, chunks, dialect, wanted)
    return File(
        chunks,
        media_type=MEDIA_TYPES[wanted],
        name=f"{found['name'].removesuffix(f'.{wanted}')}.{wanted}",
        size=found["size_bytes"] if as_uploaded else None,
        finish=lambda: artifacts.release(lease),
    )


def _converted(
    artifacts: Artifacts, chunks: Iterator[bytes], dialect: dict[str, Any], wanted: TableFormat
) -> Iterator[bytes]:
    """Convert a table once its transaction has ended, for that may take seconds."""
    with artifacts.spool() as source, artifacts.spool() as target:
        for chunk in chunks:
            source.write(chunk)
        source.content()
        try:
            convert_table(source.path, dialect, wanted, target.path)
        except NotATable as refused:
            raise TableRefused(refused.reason) from refused
        with target.path.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")
