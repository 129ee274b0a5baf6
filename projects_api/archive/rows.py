"""The rows of a project as its manifest tells of them: what an export made, made again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert

from projects_api.archive.manifest import files_of_rows
from projects_api.archive.reader import ListedFile
from projects_api.models.artifact import artifacts
from projects_api.models.base import fold
from projects_api.models.dataset import datasets
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.deployment import deployments
from projects_api.models.experiment import experiments
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.report import reports
from projects_api.models.trained_model import trained_models

Row = Mapping[str, Any]
Rename = Callable[[str], str]


def insert_project(
    connection: Connection,
    document: Row,
    listed: Mapping[str, ListedFile],
    rename: Rename = str,
    *,
    user_id: str | None = None,
) -> None:
    """Insert a project and all that it has, but for its members.

    `document` is a complete manifest without faults, `listed` its files, whose contents are in the
    store. Every id becomes what `rename` makes of it, wherever it stands. The files count for the
    person, if one is named.
    """
    project = document["project"]
    here = {"project_id": project["id"]}
    versions = [
        {**row, "dataset_id": found["id"]}
        for found in document["datasets"]
        for row in found["versions"]
    ]
    rows: list[tuple[Table, Iterable[Row]]] = [
        (projects, [{**project, **_derived(document)}]),
        (artifacts, _artifacts(document, listed)),
        (datasets, ({**row, "version": _newest(row)} for row in document["datasets"])),
        (dataset_versions, versions),
        (experiments, document["experiments"]),
        (trained_models, document["models"]),
        (reports, document["reports"]),
        (deployments, document["deployments"]),
    ]
    for table, content in rows:
        renamed = [_renamed({**row, **here}, rename) for row in content]
        # A person's id is one of this server, and not of the archive's.
        whose = {"user_id": user_id} if table is artifacts else {}
        _insert(connection, table, [{**row, **whose} for row in renamed])


def insert_members(connection: Connection, rows: Iterable[Row]) -> None:
    """Insert members, each with a project's id and a person's, a role and a time."""
    _insert(connection, members, [{**row, "direct_role": row["role"]} for row in rows])


def _derived(document: Row) -> dict[str, Any]:
    project = document["project"]
    return {
        "dataset_count": len(document["datasets"]),
        "experiment_count": len(document["experiments"]),
        "model_count": len(document["models"]),
        "name_folded": fold(project["name"]),
        "description_folded": fold(project["description"]),
    }


def _artifacts(document: Row, listed: Mapping[str, ListedFile]) -> list[Row]:
    return [
        {
            "id": artifact_id,
            "sha256": listed[path].sha256,
            "size_bytes": listed[path].size,
            "media_type": listed[path].media_type,
            "created_at": row["created_at"],
        }
        for row, path, artifact_id in files_of_rows(document)
    ]


def _newest(found: Row) -> int:
    return max(int(row["version"]) for row in found["versions"])


def _renamed(row: Row, rename: Rename) -> Row:
    return {
        name: rename(value) if value is not None and _is_id(name) else value
        for name, value in row.items()
    }


def _is_id(column: str) -> bool:
    return column == "id" or column.endswith("_id")


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    names = table.columns.keys()
    if values := [{name: row[name] for name in names if name in row} for row in rows]:
        connection.execute(insert(table), values)
