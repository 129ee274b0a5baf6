"""Data sets: named tables of a project, each with its versions."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Index,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import dataset_version, project
from projects_api.models.artifact import artifacts
from projects_api.models.base import (
    ALL_ROWS,
    Identifier,
    Timestamp,
    binary_text,
    new_id,
    now,
    row_of,
    table_of,
)
from projects_api.models.blob import blobs
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.outside import delivery
from projects_api.models.statements import Listing


class Dataset(SQLModel, table=True):
    """A data set; `version` is the number of the newest version."""

    __tablename__ = "datasets"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: str = Field(primary_key=True, sa_type=Identifier)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier)
    name: str = Field(sa_type=binary_text(255))
    description: str = Field(sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    created_at: str = Field(sa_type=Timestamp)
    updated_at: str = Field(sa_type=Timestamp)


datasets = table_of(Dataset)


_WITH_NEWEST_VERSION = (
    select(
        datasets.c.id,
        datasets.c.project_id,
        datasets.c.name,
        datasets.c.description,
        dataset_versions.c.format,
        dataset_versions.c.rows,
        dataset_versions.c.columns,
        blobs.c.size_bytes,
        artifacts.c.sha256,
        dataset_versions.c.id.label("dataset_version_id"),
        dataset_versions.c.artifact_id,
        datasets.c.version,
        dataset_versions.c.quality,
        dataset_versions.c.reading,
        datasets.c.created_at,
        datasets.c.updated_at,
    )
    .join(
        dataset_versions,
        (dataset_versions.c.dataset_id == datasets.c.id)
        & (dataset_versions.c.version == datasets.c.version),
    )
    .join(artifacts, artifacts.c.id == dataset_versions.c.artifact_id)
    .join(blobs, blobs.c.sha256 == artifacts.c.sha256)
)
_LISTING = Listing(
    _WITH_NEWEST_VERSION,
    datasets.c.project_id == bindparam("project_id"),
    datasets.c.created_at.desc(),
    datasets.c.id.desc(),
)


def find(connection: Connection, dataset_id: str) -> schemas.Dataset | None:
    """Find a data set with the facts of its newest version."""
    statement = _WITH_NEWEST_VERSION.where(datasets.c.id == dataset_id)
    return row_of(connection.execute(statement))


def list_for_project(
    connection: Connection, project_id: str, *, limit: int = ALL_ROWS, offset: int = 0
) -> tuple[list[schemas.Dataset], int]:
    """List the data sets of a project, newest first, and tell how many there are in all."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


class DatasetIds(dataset_version.VersionIds):
    """The ids of a data set that was just made."""

    id: str
    dataset_id: str


class NewVersion(DatasetIds):
    """The ids of a version that was just made, and its number."""

    version: int


def create(
    connection: Connection,
    project_id: str,
    *,
    name: str,
    description: str,
    dataset_id: str | None = None,
    **version: Any,
) -> DatasetIds | None:
    """Create a data set with its first version, under an id if it has one; return the ids.

    `version` is what `dataset_version.create` takes. `None` tells that the project is gone.
    """
    if not project.count(connection, project_id, "dataset_count", 1):
        return None
    dataset_id, moment = dataset_id or new_id(), now()
    connection.execute(
        insert(datasets).values(
            id=dataset_id,
            project_id=project_id,
            name=name,
            description=description,
            version=1,
            created_at=moment,
            updated_at=moment,
        )
    )
    ids = dataset_version.create(connection, project_id, dataset_id, number=1, **version)
    _tell(connection, project_id, dataset_id, ids["dataset_version_id"])
    return {"id": dataset_id, "dataset_id": dataset_id, **ids}


def find_name_of_version(connection: Connection, version_id: str) -> str | None:
    """Find what the data set of a version is called."""
    statement = (
        select(datasets.c.name)
        .join(dataset_versions, dataset_versions.c.dataset_id == datasets.c.id)
        .where(dataset_versions.c.id == version_id)
    )
    found: str | None = connection.scalar(statement)
    return found


def add_version(
    connection: Connection, project_id: str, dataset_id: str, **version: Any
) -> NewVersion | None:
    """Give a data set a newest version; return the ids and the version's number.

    `version` is what `dataset_version.create` takes. `None` tells that the data set is gone.
    """
    # The project first, as all do that change what is in it, so that none waits for the other.
    if not project.hold(connection, project_id):
        return None
    statement = (
        update(datasets)
        .where(datasets.c.id == dataset_id)
        .values(version=datasets.c.version + 1, updated_at=now())
        .returning(datasets.c.version)
    )
    number = connection.scalar(statement)
    if number is None:
        return None
    ids = dataset_version.create(connection, project_id, dataset_id, number=number, **version)
    _tell(connection, project_id, dataset_id, ids["dataset_version_id"])
    return {"id": dataset_id, "dataset_id": dataset_id, **ids, "version": number}


def remove(connection: Connection, project_id: str, dataset_id: str) -> bool:
    """Remove a data set, its versions and their files; tell whether there was one."""
    files = select(dataset_versions.c.artifact_id).where(
        dataset_versions.c.dataset_id == dataset_id
    )
    artifact_ids = list(connection.scalars(files))
    if not connection.execute(delete(datasets).where(datasets.c.id == dataset_id)).rowcount:
        return False
    connection.execute(delete(artifacts).where(artifacts.c.id.in_(artifact_ids)))
    project.count(connection, project_id, "dataset_count", -1)
    delivery.emit(connection, project_id, "dataset.deleted", dataset_id=dataset_id)
    return True


def _tell(connection: Connection, project_id: str, dataset_id: str, version_id: str) -> None:
    ids = {"dataset_id": dataset_id, "dataset_version_id": version_id}
    delivery.emit(connection, project_id, "dataset.uploaded", **ids)
