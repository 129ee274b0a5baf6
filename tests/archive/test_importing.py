"""Imports below the API: what comes back from an archive, and what is refused."""

import json
import random
import stat
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from projects_api.app.doctor import examine
from projects_api.app.services import Services
from projects_api.archive import importing, manifest, reader
from projects_api.archive.importing import (
    Unpacked,
    check_archive,
    insert_unpacked,
    read_tables,
    unpack,
)
from projects_api.archive.reader import ArchiveRefused
from projects_api.database.schema import upgrade
from projects_api.ephemeral.seed import DEMO
from projects_api.handlers.export import export_project
from projects_api.models import member, user
from projects_api.models import project as projects
from projects_api.models.base import metadata, new_id
from projects_api.settings import Settings
from tests.archives import (
    MANIFEST,
    Document,
    as_imported,
    first_file,
    ids_in,
    normalised,
    read_manifest,
    rewrite,
    told,
)
from tests.full_project import CSV, fill

MOST = 10**9


@dataclass
class World:
    """A database and a store, people by what they are, and an export of a full project."""

    services: Services
    people: dict[str, str]
    full: Path


@contextmanager
def world_on(database_url: str, folder: Path) -> Iterator[World]:
    services = Services.from_settings(
        Settings(_env_file=None, database_url=database_url, data_dir=folder)
    )
    upgrade(services.database)
    with services.database.transaction() as connection:
        people = {
            name: user.create(
                connection, email=f"{name}.{new_id()[-12:]}@example.com", name=name.title()
            )
            for name in ("owner", "editor", "importer", "gone")
        }
    project_id = fill(services, people["owner"], folder)
    with services.database.transaction() as connection:
        member.put(connection, project_id, people["editor"], "editor")
        member.put(connection, project_id, people["gone"], "viewer")
    path = export(services, project_id, folder / "full.zip")
    with services.database.transaction() as connection:
        connection.execute(user.users.delete().where(user.users.c.id == people.pop("gone")))
    yield World(services, people, path)
    services.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory) -> Iterator[World]:
    """A world in a database of its own, of each kind in turn: its files are in its own store."""
    folder = tmp_path_factory.mktemp("importing")
    url = f"sqlite:///{folder / 'importing.db'}"
    if request.param == "postgresql":
        existing = request.getfixturevalue("postgresql")
        with psycopg.connect(existing, autocommit=True) as connection:
            connection.execute("CREATE DATABASE importing")
        url = make_url(existing).set(database="importing").render_as_string(hide_password=False)
    with world_on(url, folder) as world:
        yield world


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Iterator[Path]:
    """An archive for tests that need no database."""
    folder = tmp_path_factory.mktemp("full")
    with world_on(f"sqlite:///{folder / 'full.db'}", folder) as world:
        yield world.full


@pytest.fixture
def changed(full, tmp_path) -> Callable[..., Path]:
    """Give a function that writes the archive again, with what it is told in another way."""
    return partial(rewrite, full, tmp_path / "changed.zip")


def export(services: Services, project_id: str, path: Path) -> Path:
    with services.database.connect(writing=True, snapshot=True) as connection:
        file = export_project(connection, {"id": project_id}, services.artifacts)
        connection.commit()
    path.write_bytes(b"".join(file.chunks))
    file.finish()
    return path


def bring_in(
    services: Services, path: Path, folder: Path, owner_id: str, name: str | None = None
) -> tuple[str, list[str]]:
    """Import an archive; return the new project's id and who is not registered."""
    unpacked = taken_apart(path, folder)
    project_id = new_id()
    with services.database.connect(writing=True) as connection:
        with services.artifacts.keep(connection, unpacked.contents):
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


def taken_apart(path: Path, folder: Path) -> Unpacked:
    folder.mkdir(exist_ok=True)
    unpacked = unpack(path, folder, MOST)
    read_tables(unpacked)
    return unpacked


def versions_of(document: Document) -> list[Document]:
    return [one for found in document["datasets"] for one in found["versions"]]


class TestBack:
    def test_an_export_of_an_import_is_the_export(self, world, tmp_path):
        project_id, (stranger,) = bring_in(
            world.services, world.full, tmp_path / "files", world.people["owner"]
        )
        again = export(world.services, project_id, tmp_path / "again.zip")
        first, second = read_manifest(world.full), read_manifest(again)
        assert stranger.startswith("gone.")
        first["members"] = [one for one in first["members"] if one["email"] != stranger]
        first = as_imported(first)
        assert normalised(second) == normalised(first)
        kept = ids_in(first) & ids_in(second)
        assert kept == {one["user_id"] for one in first["members"]}

    def test_every_file_is_the_same(self, world, tmp_path):
        project_id, _ = bring_in(
            world.services, world.full, tmp_path / "files", world.people["owner"]
        )
        again = export(world.services, project_id, tmp_path / "again.zip")
        contents = []
        for path in (world.full, again):
            documents = {one["path"] for one in read_manifest(path)["reports"]}
            documents |= {one["pdf_path"] for one in read_manifest(path)["reports"]}
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name not in {MANIFEST, *documents}]
                contents.append(sorted(archive.read(name) for name in names))
        assert contents[0] == contents[1]
        assert CSV in contents[0]
        assert len(contents[0]) == 3 + 2

    def test_who_imports_is_the_owner(self, world, tmp_path):
        project_id, _ = bring_in(
            world.services, world.full, tmp_path / "files", world.people["importer"], "Mine"
        )
        with world.services.database.transaction(writing=False) as connection:
            found = projects.find(connection, project_id)
            joined, _ = member.list_for_project(connection, project_id)
        assert found is not None
        assert (found["name"], found["model_count"]) == ("Mine", 2)
        roles = {one["user_id"]: one["role"] for one in joined}
        assert roles == {
            world.people["importer"]: "owner",
            world.people["owner"]: "owner",
            world.people["editor"]: "editor",
        }

    def test_an_editor_who_imports_is_the_owner(self, world, tmp_path):
        project_id, _ = bring_in(
            world.services, world.full, tmp_path / "files", world.people["editor"]
        )
        with world.services.database.transaction(writing=False) as connection:
            joined, _ = member.list_for_project(connection, project_id)
        assert {one["role"] for one in joined if one["user_id"] == world.people["editor"]} == {
            "owner"
        }

    def test_nothing_is_wrong_afterwards(self, world, tmp_path):
        bring_in(world.services, world.full, tmp_path / "files", world.people["owner"])
        assert [faults for _, faults in examine(world.services.settings) if faults] == []

    def test_the_tables_tell_what_they_are(self, world, tmp_path):
        def lie(document):
            for found in document["datasets"]:
                for version in found["versions"]:
                    version |= {"rows": 7, "quality": "bad", "dialect": None, "format": "x"}

        unpacked = taken_apart(rewrite(world.full, tmp_path / "lie.zip", lie), tmp_path / "files")
        versions = versions_of(unpacked.document)
        assert sorted((one["format"], one["rows"]) for one in versions) == [
            ("csv", 21),
            ("csv", 30),
            ("parquet", 3),
        ]

    def test_an_old_manifest_lacks_what_has_a_default(self, world, tmp_path):
        def forget(document):
            del document["deployments"]
            for row in document["models"]:
                for name in ("engine", "rank", "is_best", "parameters", "evaluation"):
                    del row[name]
            document["anything"] = "else"

        project_id, _ = bring_in(
            world.services,
            rewrite(world.full, tmp_path / "old.zip", forget),
            tmp_path / "files",
            world.people["owner"],
        )
        again = read_manifest(export(world.services, project_id, tmp_path / "again.zip"))
        assert {(row["engine"], row["rank"]) for row in again["models"]} == {("flaml", 1)}

    def test_the_seed_can_be_imported(self, world, tmp_path):
        seed = DEMO
        project_id, _ = bring_in(world.services, seed, tmp_path / "files", world.people["owner"])
        again = read_manifest(export(world.services, project_id, tmp_path / "again.zip"))
        first = read_manifest(seed)
        first = as_imported(first)
        first["members"] = again["members"] = []
        # Tables are read again, by what may know more of them than what made the seed did.
        for version in (one for part in (first, again) for one in versions_of(part)):
            del version["dialect"], version["quality"]
        assert normalised(again) == normalised(first)


def test_every_column_is_exported_or_left_out_on_purpose():
    kinds = {
        "projects": ("Project", {"name_folded", "description_folded"}),
        "datasets": ("Dataset", {"project_id", "version"}),
        "dataset_versions": ("DatasetVersion", {"dataset_id", "profile"}),
        "experiments": ("Experiment", {"project_id", "job_id"}),
        "trained_models": ("Model", {"project_id"}),
        "reports": ("Report", {"project_id", "job_id"}),
        "deployments": ("Deployment", {"project_id"}),
    }
    for table, (kind, left_out) in kinds.items():
        columns = set(metadata.tables[table].columns.keys())
        assert columns - set(manifest._defaults(kind)) == left_out, table


def refused(path: Path, tmp_path: Path, *, at_once: bool = True) -> list[str]:
    """Give why an archive is refused: by the first look where `at_once`, by the second always."""
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    if at_once:
        with pytest.raises(ArchiveRefused):
            check_archive(path, MOST)
    else:
        check_archive(path, MOST)
    with pytest.raises(ArchiveRefused) as caught:
        read_tables(unpack(path, folder, MOST))
    assert all(len(fault) < 1500 for fault in caught.value.faults)
    return caught.value.faults


def of_first(part: str, **values: Any) -> Callable[[Document], None]:
    return lambda document: document[part][0].update(values)


ELSEWHERE = "0195d3a0-0000-7000-8000-000000000000"
DEEP: Any = json.loads("[" * 900 + "]" * 900)
BAD_MANIFESTS: dict[str, tuple[Callable[[Document], Any], str]] = {
    "no project": (lambda d: d.pop("project"), '"project" is a required property'),
    "a project that is a list": (lambda d: d.update(project=[]), "/project"),
    "an empty name": (lambda d: d["project"].update(name=""), "/project/name"),
    "a long name": (lambda d: d["project"].update(name="x" * 256), "/project/name"),
    "a NUL": (of_first("experiments", name="a\0b"), "/experiments/0/name"),
    "a NUL in free JSON": (of_first("experiments", config={"a": "\0"}), "/experiments/0/config"),
    "a NUL in a key": (of_first("models", metrics={"\0": 1}), "/models/0/metrics"),
    "JSON too deep to be answered": (
        of_first("experiments", config={"a": DEEP}),
        "Recursion limit",
    ),
    "an unknown status": (of_first("experiments", status="resting"), "/experiments/0/status"),
    "an unknown role": (of_first("members", role="king"), "/members/0/role"),
    "no data set version": (of_first("datasets", versions=[]), "/datasets/0/versions"),
    "a time that overflows": (
        of_first("datasets", created_at="0001-01-01T00:00:00+23:59"),
        "/datasets/0/created_at",
    ),
    "a 61st second": (of_first("datasets", updated_at="2026-02-28T23:59:60Z"), "updated_at"),
    "a day that is none": (of_first("models", created_at="2026-02-30T00:00:00Z"), "created_at"),
    "an id that is none": (of_first("models", id="../../x"), "/models/0/id"),
    "metrics that are texts": (of_first("models", metrics={"auc": "high"}), "/models/0/metrics"),
    "a foreign signature": (of_first("experiments", signature={"x": 1}), "signature"),
    "a foreign evaluation": (of_first("models", evaluation={"roc": [1]}), "evaluation"),
    "a negative rank": (of_first("models", rank=-1), "/models/0/rank"),
    "a huge rank": (of_first("models", rank=2**70), "/models/0/rank"),
    "an experiment of nothing": (
        of_first("experiments", dataset_version_id=ELSEWHERE),
        "The dataset_version_id 0195d3a0-0000-7000-8000-000000000000 in experiments is the id",
    ),
    "a model of nothing": (of_first("models", experiment_id=ELSEWHERE), "The experiment_id"),
    "a deployment of nothing": (of_first("deployments", model_id=ELSEWHERE), "The model_id"),
    "an id twice": (
        lambda d: d["models"][0].update(id=d["models"][1]["id"]),
        "stands for 2 things",
    ),
    "an artifact twice": (
        lambda d: d["models"][0].update(artifact_id=d["models"][1]["artifact_id"]),
        "stands for 2 things",
    ),
    "a member twice": (lambda d: d["members"].append(d["members"][0]), "is 2 members"),
    "two versions with one number": (
        lambda d: [v.update(version=1) for one in d["datasets"] for v in one["versions"]],
        "several versions with the same number",
    ),
    "two in production": (
        lambda d: [one.update(stage="production", status="active") for one in d["deployments"]],
        "Several deployments are active in production.",
    ),
    "a path that is not listed": (of_first("models", path="models/x"), "'models/x' is not listed"),
    "a file that belongs to nothing": (
        lambda d: d["reports"].pop(0),
        "belongs to nothing",
    ),
    "a file of two": (
        lambda d: d["models"][0].update(path=d["models"][1]["path"]),
        "belongs to 2 things",
    ),
    "an artifact without file": (of_first("reports", path=None), "without a path"),
    "a report that is no HTML": (
        lambda d: [one.update(media_type="text/html") for one in d["files"]],
        "is not application/pdf",
    ),
    "another format": (lambda d: d.update(format_version=2), "The format version 2 is not known."),
    "a wrong size": (
        lambda d: d["files"][0].update(size_bytes=1),
        "where the manifest says 1.",
    ),
    "a file that is missing": (
        lambda d: d["files"].append({**d["files"][0], "path": "x"}),
        "'x' is missing from the archive.",
    ),
}


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_a_bad_manifest_is_refused_at_once(name, changed, tmp_path):
    edit, said = BAD_MANIFESTS[name]
    assert any(said in fault for fault in refused(changed(edit), tmp_path))
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../x", "..\\x", "C:\\x"])
def test_a_path_that_leads_elsewhere(name, changed, tmp_path):
    path = changed(files={name: b"x"})
    assert any("no plain relative path" in fault for fault in refused(path, tmp_path))
    # Neither helps it to be in the manifest.
    entry = {"path": name, "size_bytes": 1, "sha256": "", "media_type": "text/html"}
    path = changed(lambda document: document["files"].append(entry), files={name: b"x"})
    assert any("no plain relative path" in fault for fault in refused(path, tmp_path))
    assert {one.name for one in tmp_path.iterdir()} == {"changed.zip", "files"}


def test_a_table_that_is_none(full, changed, tmp_path):
    name = first_file(full, ".parquet")
    path = changed(told(name, b"\0\1\2"), {name: b"\0\1\2"})
    (fault,) = refused(path, tmp_path, at_once=False)
    assert "is no table." in fault


def test_another_hash(full, changed, tmp_path):
    name = first_file(full, ".skops")
    path = changed(files={name: b"PK\x03\x04 A MODEL"})
    (fault,) = refused(path, tmp_path, at_once=False)
    assert fault == f"{name!r} has another SHA-256 than the manifest says."


def test_a_flipped_byte(full, tmp_path):
    data = bytearray(full.read_bytes())
    data[data.index(b" another model") + 3] ^= 1
    path = tmp_path / "flipped.zip"
    path.write_bytes(data)
    (fault,) = refused(path, tmp_path, at_once=False)
    assert "cannot be read: Bad CRC-32" in fault


def test_it_is_cut_short_anywhere(full, tmp_path):
    data = full.read_bytes()
    path = tmp_path / "short.zip"
    places = [0, 1, 4, 30, *random.Random(5).sample(range(len(data)), 40), len(data) - 1]
    for place in places:
        path.write_bytes(data[:place])
        refused(path, tmp_path)


def test_names_twice(full, changed, tmp_path):
    path = changed()
    name = first_file(full, ".html")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as written:
        warnings.simplefilter("ignore")
        written.writestr(name, b"<h1>Another</h1>")
    assert f"{name!r} is in the archive 2 times." in refused(path, tmp_path)


def test_symbolic_links_and_folders(changed, tmp_path):
    path = changed()
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as written:
        written.writestr(link, "/etc/passwd")
        written.writestr("folder/", b"")
    faults = refused(path, tmp_path)
    assert "'link' is no regular file." in faults
    assert "'folder/' is no plain relative path of a file." in faults


def test_a_bomb_by_size(full, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    with pytest.raises(ArchiveRefused, match="and 100 is the most"):
        check_archive(full, 100)
    with pytest.raises(ArchiveRefused, match="and 100 is the most"):
        unpack(full, folder, 100)
    assert list(folder.iterdir()) == []


def test_a_bomb_by_its_manifest(changed, tmp_path):
    def edit(document: Document) -> None:
        document["bomb"] = [[]] * 1_100_000

    path = changed(edit)
    assert path.stat().st_size > importing.READ_AT_ONCE_BYTES
    # Left to the process of a job, which has a limit of memory; nothing else is wrong with it.
    check_archive(path, MOST)
    assert taken_apart(path, tmp_path / "files").document["project"]["name"] == "Everything ✓"


@pytest.mark.parametrize("value", [[], {}, [[]], "x", 1])
def test_a_manifest_that_is_wrong_everywhere(changed, tmp_path, value):
    many = [value] * 100_000

    def edit(document: Document) -> None:
        document["experiments"][0]["config"] = {"a": many}
        document["models"][0]["evaluation"] = {"confusion": many, "roc": many}
        document["datasets"] = many
        document["more"] = many
        del document["reports"]

    began = time.process_time()
    faults = refused(changed(edit), tmp_path)
    assert time.process_time() - began < 10
    assert len(faults) < 10


def test_a_manifest_without_end(changed, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_MANIFEST_BYTES", 1000)
    assert refused(changed(), tmp_path) == ["'manifest.json' is larger than 1000 bytes."]


def test_foreign_archives(tmp_path):
    path = tmp_path / "foreign.zip"
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("word/document.xml", "<x/>")
    assert "'manifest.json' is missing from the archive." in refused(path, tmp_path)
    with zipfile.ZipFile(path, "w") as written:
        written.writestr(MANIFEST, '{"manifest_version": 3, "name": "a browser extension"}')
    assert refused(path, tmp_path) == ["The format version None is not known."]
    path.write_bytes(b"%PDF-1.7")
    assert "not a ZIP archive" in refused(path, tmp_path)[0]


def test_zip64(full, changed, tmp_path):
    target = tmp_path / "zip64.zip"
    with zipfile.ZipFile(full) as source, zipfile.ZipFile(target, "w") as written:
        for name in source.namelist():
            with written.open(name, "w", force_zip64=True) as file:
                file.write(source.read(name))
    assert (
        taken_apart(target, tmp_path / "files").document
        == taken_apart(full, tmp_path / "other").document
    )
