"""Export: everything that belongs to a project, in one archive."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import ProjectNotFound
from projects_api.archive.manifest import manifest_row
from projects_api.archive.writer import FORMAT_VERSION, Member, write_archive
from projects_api.contract import File
from projects_api.files.content import Content
from projects_api.files.names import safe_file_name
from projects_api.models import (
    artifact,
    dataset,
    dataset_version,
    deployment,
    experiment,
    member,
    report,
    trained_model,
)
from projects_api.models import project as projects
from projects_api.models.base import now
from projects_api.schemas import Project
from projects_api.storage.artifacts import Artifacts

EXTENSIONS = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.skops": "skops",
    "text/html": "html",
    "application/pdf": "pdf",
}


def export_project(connection: Connection, project: Project, artifacts: Artifacts) -> File:
    """Send a consistent snapshot of a project as a ZIP archive."""
    # Once more, because what the access check saw was before this snapshot.
    snapshot = projects.find(connection, project["id"])
    if snapshot is None:
        raise ProjectNotFound
    contents = artifact.list_contents(connection, project["id"])
    lease = artifacts.lease(connection, {content["sha256"] for content in contents.values()})
    files = _Files(contents)
    manifest = {
        "format_version": FORMAT_VERSION,
        "exported_at": now(),
        **_describe(connection, snapshot, files),
        "files": files.entries,
    }
    return File(
        write_archive(manifest, files.members(artifacts.read)),
        media_type="application/zip",
        name=f"{snapshot['name']}.zip",
        finish=lambda: artifacts.release(lease),
    )


def _describe(
    connection: Connection, project: Project, files: "_Files"
) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """Say what a project has; its files get their places."""
    project_id = project["id"]
    models = trained_model.list_for_project(connection, project_id)
    reports = report.list_for_project(connection, project_id)
    return {
        "project": manifest_row("Project", project),
        "members": _list_members(connection, project_id),
        "datasets": _list_datasets(connection, project_id, files),
        "experiments": [
            manifest_row("Experiment", row)
            for row in experiment.list_for_project(connection, project_id)
        ],
        "models": [manifest_row("Model", files.assign_path("models", row)) for row in models],
        "reports": [
            manifest_row(
                "Report",
                files.assign_path("reports", files.assign_path("reports", row), kind="pdf_"),
            )
            for row in reports
        ],
        "deployments": [
            manifest_row("Deployment", row)
            for row in deployment.list_for_project(connection, project_id)
        ],
    }


class _Files:
    """The files of an archive, each with the place that its row gives it."""

    def __init__(self, contents: dict[str, dict[str, Any]]) -> None:
        self._contents = contents
        self.entries: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []

    def assign_path(
        self, folder: str, row: dict[str, Any], label: str | None = None, *, kind: str = ""
    ) -> dict[str, Any]:
        """Give a row's artifact its place in the archive, and tell the row its path.

        The path is null where the row has no file yet. `kind` stands ahead of the names of both
        columns, for rows with several files.
        """
        if row[f"{kind}artifact_id"] is None:
            return {**row, f"{kind}path": None}
        content = self._contents[row[f"{kind}artifact_id"]]
        extension = EXTENSIONS.get(content["media_type"], "bin")
        stem = safe_file_name(label or row["name"]).removesuffix(f".{extension}")
        path = f"{folder}/{row['id']}/{stem}.{extension}"
        self.entries.append(
            {
                "path": path,
                "size_bytes": content["size_bytes"],
                "sha256": content["sha256"],
                "media_type": content["media_type"],
            }
        )
        self._rows.append({**content, "path": path, "created_at": row["created_at"]})
        return {**row, f"{kind}path": path}

    def members(self, read: Callable[[str], Iterator[bytes]]) -> Iterable[Member]:
        """Yield the archive's members, read one after the other."""
        for row in self._rows:
            yield Member(
                path=row["path"],
                content=Content(row["sha256"], row["size_bytes"], row["crc32"]),
                media_type=row["media_type"],
                read=partial(read, row["sha256"]),
                modified_at=datetime.fromisoformat(row["created_at"]),
            )


def _list_members(connection: Connection, project_id: str) -> list[dict[str, Any]]:
    """List who is a member without teams, which stay with their server."""
    return [
        manifest_row("Member", {**row, "role": row["through"]["direct"]})
        for row in member.list_for_project(connection, project_id)[0]
        if "direct" in row["through"]
    ]


def _list_datasets(connection: Connection, project_id: str, files: _Files) -> list[dict[str, Any]]:
    versions: dict[str, list[dict[str, Any]]] = {}
    for row in dataset_version.list_for_project(connection, project_id):
        versions.setdefault(row["dataset_id"], []).append(row)
    return [
        {
            **manifest_row("Dataset", found),
            "versions": [
                manifest_row(
                    "DatasetVersion", files.assign_path("datasets", row, label=found["name"])
                )
                for row in versions[found["id"]]
            ],
        }
        for found in dataset.list_for_project(connection, project_id)[0]
    ]
