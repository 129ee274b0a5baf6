"""A database that is not as this version has it: of a newer one, of none yet, damaged."""

import json
import sqlite3
import subprocess
import time

import pytest
from sqlalchemy import text

from projects_api.database import schema
from tests.support.processes import COMMAND, PATIENCE, wait_until

NEWER = "9999"


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["db", "upgrade"], ["doctor"]])
def test_a_newer_one_is_told_as_such_and_left_alone(deployment, command):
    deployment.run("db", "upgrade")
    with deployment.services.database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": NEWER})
    printed = deployment.run(*command, status=1)
    assert f"{NEWER}, of a newer version than this one: install that version" in printed
    assert "SELECT" not in printed
    with deployment.services.database.transaction() as connection:
        assert schema.current(connection) == NEWER


def test_a_worker_waits_for_a_schema(deployment):
    log = deployment.folder / "worker.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [COMMAND, "worker"],
            cwd=deployment.folder,
            env=deployment.environment,
            stderr=output,
        ) as worker,
    ):
        wait_until(log.read_text, "it says that it waits")
        time.sleep(1.2)  # in which it looks again
        deployment.run("db", "upgrade")
        wait_until(lambda: "workers_started" in log.read_text(), "it works")
        worker.terminate()
        assert worker.wait(PATIENCE) == 0
    told = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert told == ["waits_for_schema", "workers_started"]


COMMANDS = [
    *(["users", "list"], ["users", "add", "a@example.com"], ["keys", "list"], ["doctor"]),
    *(["backup", "copy"], ["migrate", "--to", "sqlite:///new.db"], ["audit"]),
    ["import", __file__, "--owner", "a@example.com"],
    ["demo", "--email", "a@example.com"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_makes_no_database_of_its_own(local, command):
    printed = local.run(*command, status=1)
    assert str(local.folder / "data" / "projects.db") in printed
    assert not (local.folder / "data" / "projects.db").exists()


def test_the_doctor_asks_nothing_of_a_database_without_schema(deployment):
    deployment.services.database.check()
    printed = deployment.run("doctor", status=1)
    assert "the schema is at None" in printed
    assert printed.count("FAULT") == 1
    assert "SELECT" not in printed


def test_the_doctor_finds_a_damaged_page(local):
    local.run("db", "upgrade")
    file = local.folder / "data" / "projects.db"
    with sqlite3.connect(file) as connection:
        connection.executescript("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_artifacts_sha256'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(file.read_bytes())
    content[(root - 1) * size : (root - 1) * size + 8] = b"\xff" * 8
    file.write_bytes(content)
    printed = local.run("doctor", status=1)
    assert "FAULT  pages of the database's file" in printed
    assert "restore a backup" in printed


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["doctor"]], ids=" ".join)
def test_what_is_no_database_is_told_in_a_sentence(local, command):
    (local.folder / "data").mkdir(0o700)
    (local.folder / "data" / "projects.db").write_bytes(b"no database " * 1000)
    assert "file is not a database" in local.run(*command, status=1)


@pytest.mark.parametrize("action", ["revoke", "rotate"])
def test_a_key_that_is_none(deployment, action):
    deployment.run("db", "upgrade")
    printed = deployment.run("keys", action, "garbage", status=1)
    assert printed == "projects-api: there is no live key garbage: `projects-api keys list`\n"
