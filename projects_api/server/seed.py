"""What a server for tests starts with: people with a key for each role, and an exported project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Any, NamedTuple
from zipfile import ZipFile

import orjson
from sqlalchemy import Connection, Table, insert

from projects_api.models import api_key, member, user
from projects_api.models.artifact import artifacts
from projects_api.models.base import fold
from projects_api.models.blob import blobs
from projects_api.models.dataset import datasets
from projects_api.models.dataset_version import dataset_versions
from projects_api.models.experiment import experiments
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.report import reports
from projects_api.models.trained_model import trained_models
from projects_api.models.user import users
from projects_api.server.archive import MANIFEST
from projects_api.server.artifact_store import Content, describe
from projects_api.server.services import Services

DEMO = Path(__file__).parent / "seeds" / "demo.zip"
"""An export of the documented example project."""

STRANGER = "stranger"


class Person(NamedTuple):
    """Somebody whom the seed registers."""

    email: str
    name: str


PEOPLE = {
    "owner": Person("alice@example.com", "Alice Chen"),
    "admin": Person("carol@example.com", "Carol Jones"),
    "editor": Person("bob@example.com", "Bob Smith"),
    "viewer": Person("dave@example.com", "Dave Miller"),
    STRANGER: Person("erin@example.com", "Erin Stone"),
}
"""By their role in the project, of which the stranger has none."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What was planted: a key for each role, the project's id, and the files."""

    keys: dict[str, str]
    project_id: str | None
    files: dict[Path, Content]


def plant(services: Services, archive: Path | None, folder: Path) -> Seed:
    """Fill an empty database and store; the files of the archive are kept in the folder.

    The archive must be a good one, as `verify_archive` tells. Without one there are only people.
    """
    manifest, paths = _unpack(archive, folder) if archive else ({}, {})
    files = {path: describe(path) for path in paths.values()}
    for path, content in files.items():
        services.artifacts.store.put(content, path)
    project_id = manifest["project"]["id"] if manifest else None
    with services.database.transaction() as connection:
        if manifest:
            contents = {name: files[path] for name, path in paths.items()}
            _insert_project(connection, manifest, contents)
        keys = {
            role: _introduce(connection, person, role, project_id)
            for role, person in PEOPLE.items()
        }
    return Seed(keys, project_id, files)


def _unpack(archive: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    with ZipFile(archive) as opened:
        manifest = orjson.loads(opened.read(MANIFEST))
        paths = {}
        for number, entry in enumerate(manifest["files"]):
            # Under a number: the names in an archive are anybody's.
            paths[entry["path"]] = folder / str(number)
            with opened.open(entry["path"]) as source, (folder / str(number)).open("wb") as target:
                copyfileobj(source, target)
    return manifest, paths


def _introduce(connection: Connection, person: Person, role: str, project_id: str | None) -> str:
    user_id = user.find_id(connection, person.email)
    if user_id is None:
        user_id = user.create(connection, email=person.email, name=person.name)
    if project_id and role != STRANGER:
        member.put(connection, project_id, user_id, role)
    return api_key.issue(connection, user_id=user_id, name=role)


def _insert_project(
    connection: Connection, manifest: Mapping[str, Any], contents: Mapping[str, Content]
) -> None:
    project = manifest["project"]
    project_id = {"project_id": project["id"]}
    joined = [{**row, **project_id, "id": row["user_id"]} for row in manifest["members"]]
    versions = [
        {**version, "dataset_id": found["id"]}
        for found in manifest["datasets"]
        for version in found["versions"]
    ]
    media_types = {entry["path"]: entry["media_type"] for entry in manifest["files"]}
    with_files = [
        (kind, row)
        for kind in ("", "pdf_")
        for row in (*versions, *manifest["models"], *manifest["reports"])
        if row.get(f"{kind}path")
    ]
    _insert(connection, users, joined)
    folded = {f"{name}_folded": fold(project[name]) for name in ("name", "description")}
    _insert(connection, projects, [{**project, **folded}])
    _insert(connection, members, joined)
    _insert(connection, blobs, _blob_rows(contents.values()))
    _insert(
        connection,
        artifacts,
        [
            {
                **project_id,
                "id": row[f"{kind}artifact_id"],
                "sha256": contents[row[f"{kind}path"]].sha256,
                "media_type": media_types[row[f"{kind}path"]],
                "created_at": row["created_at"],
            }
            for kind, row in with_files
        ],
    )
    newest = {found["id"]: len(found["versions"]) for found in manifest["datasets"]}
    _insert(
        connection,
        datasets,
        [{**row, **project_id, "version": newest[row["id"]]} for row in manifest["datasets"]],
    )
    _insert(connection, dataset_versions, versions)
    _insert(connection, experiments, manifest["experiments"])
    _insert(connection, trained_models, manifest["models"])
    _insert(connection, reports, manifest["reports"])


def _blob_rows(contents: Iterable[Content]) -> list[dict[str, Any]]:
    return [
        {"sha256": one.sha256, "size_bytes": one.size, "crc32": one.crc32} for one in set(contents)
    ]


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    names = table.columns.keys()
    if values := [{name: row[name] for name in names if name in row} for row in rows]:
        connection.execute(insert(table), values)
