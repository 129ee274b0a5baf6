"""An installation moved between SQLite with a folder and PostgreSQL with S3, each way."""

import json
import os
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import insert, select, text, update

from projects_api.app.move import MoveRefused, move
from projects_api.database import transfer
from projects_api.ephemeral.seed import DEMO, seed_database
from projects_api.models import job
from projects_api.models.project import projects
from projects_api.models.stored_answer import stored_answers
from projects_api.models.user import users
from projects_api.settings import Settings
from tests.conftest import Person, new_postgresql
from tests.support.processes import Deployment

PROJECT = "018f2f1e-0d0a-7b3e-8a52-6f2b0c9d1e11"
HARD = "ñ \u202e 表 😀 ' \" \\ \x7f"
COUNTED = ("users", "api_keys", "projects", "members", "datasets", "trained_models", "jobs")


def settings_of(deployment: Deployment) -> Settings:
    return deployment.services.settings


def rows(settings: Settings) -> dict[str, list[str]]:
    """Every row of every table, read by the drivers alone and written alike."""
    url = settings.database
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        connection = psycopg.connect(url.replace("+psycopg", ""))
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with connection:
        found = {
            name: read(connection.execute(f"SELECT * FROM {name}"))
            for (name,) in connection.execute(names)
        }
    connection.close()
    return found


def read(cursor: sqlite3.Cursor | psycopg.Cursor) -> list[str]:
    names = [column[0] for column in cursor.description or ()]
    return sorted(json.dumps(dict(zip(names, map(plain, row), strict=True))) for row in cursor)


def plain(value: object) -> object:
    """Write a value of either database in one way: JSON as its document, a boolean as a number."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bool):
        return int(value)
    if value == "null":
        return None  # SQLAlchemy reads a document that is null and no document alike.
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = json.loads(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value


@pytest.fixture
def source(deployment, tmp_path):
    """An installation with one of everything, and with what is hard to carry."""
    deployment.run("db", "upgrade")
    services = deployment.services
    (tmp_path / "seed").mkdir()
    seed = seed_database(services, DEMO, tmp_path / "seed")
    with services.database.transaction() as connection:
        connection.execute(update(projects).values(name=HARD, description=HARD * 20))
        connection.execute(
            insert(stored_answers).values(
                user_id=select(users.c.id).limit(1).scalar_subquery(),
                idempotency_key="k",
                fingerprint="",
                expires_at="2030-01-01T00:00:00Z",
                status=201,
                headers={},
                body=b"\x00\xff\x80",
            )
        )
        job.create(
            connection,
            user_id=connection.execute(select(users.c.id)).scalars().all()[0],
            project_id=seed.project_id,
            kind="report",
            entity_id=PROJECT,
            arguments={"none": None, "nested": [1.0, 2**53, HARD]},
            max_runtime_seconds=0.1,
        )
        connection.execute(update(job.jobs).values(status="cancelled"))
    deployment.key = seed.keys["owner"]
    return deployment


@pytest.fixture
def elsewhere(source, tmp_path, request):
    """The other kind of database, empty, and the other kind of store."""
    (tmp_path / "elsewhere").mkdir()
    if source.variables["PROJECTS_API_DATABASE_URL"].startswith("sqlite"):
        url = new_postgresql(request.getfixturevalue("postgresql"))
        bucket = request.getfixturevalue("s3_server").new_bucket_url()
        variables = {"PROJECTS_API_DATABASE_URL": url, "PROJECTS_API_ARTIFACT_URL": bucket}
    else:
        url = f"sqlite:///{tmp_path / 'elsewhere' / 'other.db'}"
        variables = {"PROJECTS_API_DATABASE_URL": url}
    aws = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    source.variables |= aws
    other = Deployment(tmp_path / "elsewhere", variables | aws)
    yield other
    other.close()


def arguments(target: Settings) -> Iterable[str]:
    return ("--to", target.database, "--artifacts", target.artifacts)


def answers(deployment: Deployment, key: str) -> list[object]:
    """What the owner is told: lists, an experiment, and the bytes of each file."""
    with deployment.serve() as process:
        me = Person(process.server, "", "", key)
        told: list[object] = []
        found = me.get("/api/projects")
        assert found.status_code == 200, found.text
        for project in found.json()["items"]:
            here = {"project_id": project["id"], "limit": 100}
            told += [project, me.get(f"/api/projects/{project['id']}/members").json()]
            told.append(me.get(f"/api/projects/{project['id']}/timeline").json())
            for kind in ("datasets", "experiments", "reports"):
                found = me.get(f"/api/{kind}", params=here)
                assert found.status_code == 200, found.text
                told.append(found.json())
            for found in me.get("/api/datasets", params=here).json()["items"]:
                told.append(me.get(f"/api/datasets/{found['id']}/download").content)
    return told


def test_everything_is_there_and_answers_alike_and_comes_back(source, elsewhere, tmp_path):
    before, told = rows(settings_of(source)), answers(source, source.key)
    assert all(before[name] for name in COUNTED), {name: len(before[name]) for name in COUNTED}
    before = rows(settings_of(source))
    printed = source.run("migrate", *arguments(settings_of(elsewhere)))
    assert f"{len(before['users']):>12,} users" in printed
    assert rows(settings_of(elsewhere)) == before
    assert answers(elsewhere, source.key) == told

    (tmp_path / "back").mkdir()
    back = Deployment(
        tmp_path / "back", {"PROJECTS_API_DATABASE_URL": f"sqlite:///{tmp_path / 'back' / 'b.db'}"}
    )
    before = rows(settings_of(elsewhere))
    elsewhere.run("migrate", *arguments(settings_of(back)))
    assert rows(settings_of(back)) == before
    assert answers(back, source.key) == told
    back.close()


def test_nothing_is_written_over_and_nothing_is_left_by_a_refusal(source, elsewhere, monkeypatch):
    here, there = settings_of(source), settings_of(elsewhere)
    with pytest.raises(MoveRefused, match="used already"):
        move(here, here)
    if (file := here.database.removeprefix("sqlite:///")) != here.database:
        relative = Settings(database_url=f"sqlite:///{os.path.relpath(file)}")
        with pytest.raises(MoveRefused, match="used already"):
            move(here, relative)
    summarize = transfer.summarize
    wrong = {"users": transfer.Summary(1, 1)}
    told = iter([lambda _connection: wrong, summarize])
    monkeypatch.setattr(transfer, "summarize", lambda one: next(told)(one))  # noqa: PLW0108
    with pytest.raises(MoveRefused, match="Nothing is kept"):
        move(here, there)
    monkeypatch.undo()
    assert not any(found for name, found in rows(there).items() if name != "alembic_version")
    move(here, there)
    with pytest.raises(MoveRefused, match="not empty"):
        move(here, there)


def test_a_file_that_is_damaged_stops_it_before_a_row_is_copied(local, tmp_path):
    local.run("db", "upgrade")
    (tmp_path / "seed").mkdir()
    seed_database(local.services, DEMO, tmp_path / "seed")
    stored = next((local.folder / "data" / "artifacts" / "sha256").glob("*/*"))
    stored.write_bytes(b"other")
    target = tmp_path / "new.db"
    to = ("--to", f"sqlite:///{target}", "--artifacts", str(tmp_path / "new"))
    assert stored.name in local.run("migrate", *to, status=1)
    assert rows(Settings(database_url=f"sqlite:///{target}"))["projects"] == []


def test_a_database_of_an_older_version_is_neither_read_nor_changed(local, tmp_path):
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        old.execute("INSERT INTO alembic_version VALUES ('0001')")
    mine = f"sqlite:///{tmp_path / 'old.db'}"
    there = Settings(database_url=mine)
    with pytest.raises(MoveRefused, match="db upgrade"):
        move(there, settings_of(local))
    local.run("db", "upgrade")
    assert "not empty" in local.run("migrate", "--to", mine, status=1)


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://nobody:secret@127.0.0.1:1/x"])
def test_a_url_that_cannot_be_used_is_told_in_a_sentence(local, url):
    local.run("db", "upgrade")
    printed = local.run("migrate", "--to", url, status=1)
    assert printed.startswith("projects-api:")
    assert "secret" not in printed


def test_nobody_writes_meanwhile(source):
    database = source.services.database
    with transfer.held_still(database), database.connect(writing=False) as other:
        assert other.scalar(text("SELECT count(*) FROM projects"))
        if not database.is_embedded:
            other.execute(text("SET lock_timeout = '100ms'"))
        else:
            other.exec_driver_sql("PRAGMA busy_timeout = 100")
        with pytest.raises(Exception, match="lock"):
            other.execute(insert(projects).values(id=PROJECT, name="x"))
