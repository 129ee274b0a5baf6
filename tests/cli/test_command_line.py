"""The installed command, as a person at a terminal uses it."""

import json
import os
import re
import signal
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
import requests
from alembic import command
from sqlalchemy import select, update
from typer.testing import CliRunner

from projects_api import logs
from projects_api.app.doctor import examine
from projects_api.archive.reader import verify_archive
from projects_api.cli import app
from projects_api.database import schema
from projects_api.database.schema import upgrade
from projects_api.files.content import describe
from projects_api.models import project, user
from projects_api.models.blob import blob_leases, blobs
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.settings import Settings
from tests.conftest import Person
from tests.support.crashing_upload import keep
from tests.support.disks import files_limited_to
from tests.support.processes import COMMAND, PATIENCE, Deployment, Process, person_of, wait_until
from tools import node_tools

COMMANDS = {
    (): [
        *("serve", "worker", "db", "users", "keys", "demo", "verify", "import"),
        *("backup", "restore", "migrate", "doctor"),
    ],
    ("serve",): ["--host", "--port", "--workers", "--reload"],
    ("worker",): ["--concurrency"],
    ("db",): ["upgrade"],
    ("users",): ["add", "list", "disable", "deactivate", "activate", "remove"],
    ("users", "remove"): ["email", "--heir"],
    ("users", "add"): ["email", "--name"],
    ("keys",): ["create", "list", "revoke", "rotate"],
    ("keys", "create"): ["email", "--scopes", "--name", "--days"],
    ("demo",): ["--email"],
    ("watch",): ["JOB", "--base-url", "--api-key", "BASE_URL", "API_KEY"],
    ("verify",): ["file"],
    ("import",): ["file", "--owner", "--name"],
    ("backup",): ["folder"],
    ("restore",): ["folder"],
    ("migrate",): ["--to", "--artifacts", "MIGRATE_TO", "MIGRATE_ARTIFACTS_TO"],
    ("doctor",): ["--verify"],
}


@pytest.fixture(scope="module")
def introduced(tmp_path_factory):
    """An installation that has a user."""
    deployment = Deployment(tmp_path_factory.mktemp("introduced"))
    upgrade(deployment.services.database)
    with deployment.services.database.transaction() as connection:
        user.create(connection, email="admin@example.com", name="Administrator")
    yield deployment
    deployment.close()


def introduction(process: Process) -> dict[str, str]:
    """Read what the first start prints: nothing but these lines."""
    lines = process.output.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def with_key(process: Process, printed: str) -> Person:
    (key,) = re.findall(r"API_KEY=(\S+)", printed)
    return Person(process.server, "", "", key)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help(local, words):
    text = local.run(*words, "--help", status=0)
    assert "Usage: projects-api" in text
    for expected in COMMANDS[words]:
        assert expected.lower() in text.lower()
    assert not (local.folder / "data").exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_a_short_name(local, words):
    assert local.run(*words, "-h") == local.run(*words, "--help")


def test_defaults_that_help_shows_are_those_of_the_settings(local):
    shown = " ".join(local.run("serve", "--help").replace("\u2502", " ").split())
    for name in ("host", "port", "workers"):
        assert f"PROJECTS_API_{name.upper()}" in shown
        assert f"[default: ({Settings.model_fields[name].default})]" in shown


def test_version(local):
    assert local.run("--version", status=0) == f"projects-api {version('projects-api')}\n"


def test_unknown_words_are_refused(local):
    assert "No such command" in local.run("conquer", status=2)


class TestServe:
    def test_the_first_start_prints_a_key_and_no_other_does(self, deployment):
        with deployment.serve() as process:
            printed = introduction(process)
            assert list(printed) == ["BASE_URL", "API_KEY"]
            assert printed["BASE_URL"] == f"http://localhost:{process.port}"
            headers = {"Authorization": f"Bearer {printed['API_KEY']}"}
            url = f"{printed['BASE_URL']}/api/projects"
            answer = requests.post(url, json={"name": "First"}, headers=headers, timeout=60)
            assert answer.status_code == 201, answer.text
        with deployment.serve() as process:
            assert introduction(process) == {}
            assert process.port != int(printed["BASE_URL"].rpartition(":")[2])
            listed = requests.get(f"{process.url}/api/projects", headers=headers, timeout=60)
            assert [item["name"] for item in listed.json()["items"]] == ["First"]

    @pytest.mark.skipif(bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip())
    @pytest.mark.parametrize("chosen", [None, "me.too@mail.example.org"])
    def test_the_first_user_is_one_to_strict_readers(self, local, chosen):
        variables = {"first_user": chosen} if chosen else {}
        with local.serve(embedded_workers=0, **variables) as process:
            key = introduction(process)["API_KEY"]
            with requests.Session() as session:
                session.headers["Authorization"] = f"Bearer {key}"
                url = f"{process.url}/api/projects"
                made = session.post(url, json={"name": "First"}, timeout=60).json()
                members = f"{url}/{made['project']['id']}/members"
                (first,) = session.get(members, timeout=60).json()["items"]
        assert first["email"] == (chosen or "admin@example.com")
        modules = node_tools.install().parent
        script = 'const f = require("ajv-formats/dist/formats").fullFormats; console.log('
        script += 'process.argv.slice(1).map(one => f.email.test(one)).join(" "))'
        judged = subprocess.check_output(
            ["node", "-e", script, first["email"], "admin@localhost"], cwd=modules, text=True
        )
        assert judged == "true false\n"

    def test_two_first_starts_at_once_print_one_key(self, deployment):
        both = [deployment.start(), deployment.start()]
        try:
            for process in both:
                wait_until(process.has_started, "both serve")
            printed = [introduction(process) for process in both]
            assert sorted(map(len, printed)) == [0, 2]
        finally:
            for process in both:
                process.kill()

    @pytest.mark.parametrize(
        ("stop", "workers"), [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2)]
    )
    def test_a_signal_ends_it_in_good_order(self, local, stop, workers):
        with local.serve("--workers", str(workers)) as process:
            process.popen.send_signal(stop)
            assert process.wait() == 0
        assert "Traceback" not in process.log.read_text()

    def test_a_port_that_is_taken(self, local):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for words in (("serve",), ("serve", "--ephemeral")):
                said = local.run(*words, "--port", str(port), status=1)
                found = re.fullmatch(
                    rf"projects-api: port {port} is in use by another program: (\d+) is free "
                    r"\(`make serve PORT=\1`, or `projects-api serve --port \1`\)\n",
                    said,
                )
                assert found, said
                socket.create_server(("127.0.0.1", int(found[1]))).close()
        assert not (local.folder / "data").exists()

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--clock", "yesterday"), "--clock: 'yesterday' is no moment such as 2026-03-01T"),
            (("--clock", "2026-03-01"), "--clock: '2026-03-01' has no offset from UTC, such as Z"),
            (("--seed", "none.zip"), "none.zip cannot be read: No such file or directory"),
        ],
    )
    def test_what_a_stand_in_cannot_begin_with_is_said(self, local, words, said):
        printed = local.run("serve", "--ephemeral", *words, status=1)
        assert said in printed
        assert "isoformat" not in printed
        assert "Errno" not in printed
        assert printed.count("\n") == 1

    @pytest.mark.parametrize("port", ["0x50", "-1", "65536"])
    def test_a_port_that_is_none(self, local, port):
        printed = local.run("serve", "--port", port, status=2 if port == "0x50" else 1)
        assert "port" in printed.lower()

    @pytest.mark.parametrize("url", ["taken", "s3://bucket?colour=blue"])
    def test_a_store_that_cannot_be_used(self, local, url):
        (local.folder / "taken").write_text("no folder")
        local.variables["PROJECTS_API_ARTIFACT_URL"] = url
        printed = local.run("serve", status=1)
        assert "the artifact store cannot be used" in printed
        assert "API_KEY" not in printed

    def test_a_database_that_is_not_there(self, local):
        url = f"postgresql://p:s3cr3t@/p?host={local.folder}"
        local.variables["PROJECTS_API_DATABASE_URL"] = url
        printed = local.run("serve", status=1)
        assert "is the database there" in printed
        assert "s3cr3t" not in printed


class TestWorker:
    @pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_a_signal_ends_it_in_good_order(self, deployment, stop):
        upgrade(deployment.services.database)
        log = deployment.folder / "worker.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [COMMAND, "worker", "--concurrency", "2"],
                cwd=deployment.folder,
                env=deployment.environment,
                stderr=output,
            )
        wait_until(lambda: "workers_started" in log.read_text(), "the worker starts")
        worker.send_signal(stop)
        assert worker.wait(PATIENCE) == 0
        (line,) = log.read_text().splitlines()
        assert json.loads(line)["count"] == 2


class TestAudit:
    def test_who_did_what(self, deployment):
        with deployment.serve() as process:
            admin = person_of(process)
            project_id = admin.post("/api/projects", json={"name": "x"}).json()["project_id"]
            assert admin.put(f"/api/projects/{project_id}", json={}).status_code == 422
            assert admin.delete(f"/api/projects/{project_id}").status_code == 200
            wait_until(lambda: " 422 " in deployment.run("audit"), "the refusal is written")
            deployment.run("users", "add", "ann@example.com")
            lines = deployment.run("audit", "--project", project_id.upper()).splitlines()
            assert {tuple(line.split()[1:3]) for line in lines} == {
                ("200", "delete_project"),
                ("422", "update_project"),
                ("201", "create_project"),
            }
            moments = [line.split()[0] for line in lines]
            assert moments == sorted(moments, reverse=True)
            user_id = lines[0].split()[3]
            for filters, count in {
                ("--status", "422"): 1,
                ("--operation", "delete_project"): 1,
                ("--user", "admin@example.com"): 3,
                ("--user", user_id): 3,
                ("--user", "ann@example.com"): 0,
                ("--days", "0"): 0,
                ("--days", "1"): 3,
                ("--limit", "2"): 2,
            }.items():
                assert len(deployment.run("audit", *filters).splitlines()) == count, filters
            assert "is neither" in deployment.run("audit", "--user", "bob@example.com", status=1)
        assert "3 entries of the audit log" in deployment.run("doctor")


class TestPeopleAndKeys:
    def test_a_story(self, deployment):
        with deployment.serve() as process:
            user_id = deployment.run("users", "add", "Alice@Example.com", "--name", "Alice").strip()
            assert f"{user_id}  alice@example.com  0 bytes  Alice\n" in deployment.run(
                "users", "list"
            )
            printed = deployment.run(
                "keys", "create", "alice@example.com", "--scopes", "read", "--name", "CI"
            )
            reader = with_key(process, printed)
            assert reader.get("/api/projects").status_code == 200
            assert reader.post("/api/projects", json={"name": "x"}).status_code == 403
            listed = deployment.run("keys", "list")
            assert reader.key not in listed
            assert reader.key.split("_", 2)[2] not in listed
            (line,) = [line for line in listed.splitlines() if "alice@" in line]
            assert line.endswith("alice@example.com  read  live  CI")
            deployment.run("keys", "revoke", line.split()[0].upper())
            assert reader.get("/api/projects").status_code == 401
            assert "there is no live key" in deployment.run(
                "keys", "revoke", line.split()[0], status=1
            )
            assert "read  revoked 2" in deployment.run("keys", "list")

    def test_who_leaves_keeps_no_key_and_leaves_no_project_without_owner(self, deployment):
        with deployment.serve() as process:
            admin = person_of(process)
            deployment.run("users", "add", "ann@example.com")
            key = deployment.run("keys", "create", "ann@example.com")
            ann = with_key(process, key)
            mine = ann.post("/api/projects", json={"name": "Mine"}).json()["project_id"]
            shared = admin.post("/api/projects", json={"name": "Shared"}).json()["project_id"]
            ann_too = {"email": "ann@example.com", "role": "editor"}
            assert admin.post(f"/api/projects/{shared}/members", json=ann_too).status_code == 201
            assert mine in deployment.run("users", "remove", "ann@example.com", status=1)
            assert ann.get("/api/projects").status_code == 200
            assert "1 keys" in deployment.run("users", "disable", "ann@example.com")
            assert ann.get("/api/projects").status_code == 401
            words = ("users", "remove", "ann@example.com", "--heir")
            told = deployment.run(*words, "ann@example.com", status=1)
            assert "name another person by --heir" in told
            deployment.run(*words, "admin@example.com")
            assert "ann@" not in deployment.run("users", "list")
            assert "ann@" not in deployment.run("keys", "list")
            for project_id in (mine, shared):
                members = admin.get(f"/api/projects/{project_id}/members").json()["items"]
                assert [(one["email"], one["role"]) for one in members] == [
                    ("admin@example.com", "owner")
                ]

    def test_who_leaves_leaves_no_team_and_no_account_without_anybody(self, deployment):
        with deployment.serve() as process:
            person_of(process)
            for name in ("ann", "bob"):
                deployment.run("users", "add", f"{name}@example.com")
            ann, bob = (
                with_key(process, deployment.run("keys", "create", f"{name}@example.com"))
                for name in ("ann", "bob")
            )
            team_id = ann.post("/api/teams", json={"name": "Ours"}).json()["team_id"]
            for name in ("bob", "admin"):
                body = {"email": f"{name}@example.com"}
                assert ann.post(f"/api/teams/{team_id}/people", json=body).status_code == 201
            project_id = ann.post("/api/projects", json={"name": "P"}).json()["project_id"]
            both = {"email": "admin@example.com", "role": "owner"}
            assert ann.post(f"/api/projects/{project_id}/members", json=both).status_code == 201
            body = {"team_id": team_id, "role": "viewer"}
            assert ann.post(f"/api/projects/{project_id}/teams", json=body).status_code == 201
            words = ("users", "remove", "ann@example.com")
            account = ann.post("/api/service-accounts", json={"name": "A"}).json()["account"]
            create = ("keys", "create", account["email"], "--scopes")
            assert "is a service account" in deployment.run(*create, "read,admin", status=1)
            program = with_key(process, deployment.run(*create, "read"))
            told = deployment.run(*words, status=1)
            assert "maintains 1 teams and has 1 service accounts" in told
            deployment.run(*words, "--heir", "bob@example.com")
            people = bob.get(f"/api/teams/{team_id}/people").json()["items"]
            assert {one["email"]: one["role"] for one in people} == {
                "bob@example.com": "maintainer",
                "admin@example.com": "member",
            }
            assert bob.get(f"/api/projects/{project_id}").status_code == 200
            assert bob.get("/api/service-accounts").json()["items"] == [account]
            assert program.get("/api/projects").status_code == 401  # It has no key any more.
            program = with_key(process, deployment.run(*create, "read"))
            assert "FAULT  " not in deployment.run("doctor")
            deployment.run("users", "deactivate", "bob@example.com")
            told = deployment.run("users", "activate", account["email"], status=1)
            assert "activate the owner first" in told
            deployment.run("users", "activate", "bob@example.com")
            assert program.get("/api/projects").status_code == 200
            assert "keys of bob@example.com" in deployment.run(
                "users", "disable", "bob@example.com"
            )
            assert program.get("/api/projects").status_code == 401

    def test_an_heir_is_a_person_who_is_active(self, deployment):
        with deployment.serve() as process:
            deployment.run("users", "add", "ann@example.com")
            deployment.run("users", "add", "bob@example.com")
            ann = with_key(process, deployment.run("keys", "create", "ann@example.com"))
            account = ann.post("/api/service-accounts", json={"name": "A"}).json()["account"]
            deployment.run("users", "deactivate", "bob@example.com")
            words = ("users", "remove", "ann@example.com", "--heir")
            for heir in (account["email"], "bob@example.com", "ann@example.com"):
                told = deployment.run(*words, heir, status=1)
                assert f"{heir} cannot answer for what ann@example.com leaves" in told
            assert ann.get("/api/service-accounts").json()["total"] == 1

    def test_who_is_deactivated_keeps_keys_that_do_not_work(self, deployment):
        with deployment.serve() as process:
            operator = person_of(process)
            user_id = deployment.run("users", "add", "eve@example.com").strip()
            eve = with_key(process, deployment.run("keys", "create", "eve@example.com"))
            revoked = with_key(process, deployment.run("keys", "create", "eve@example.com"))
            key_id = revoked.get("/api/keys").json()["items"][0]["id"]

            def since() -> str | None:
                found = operator.get(f"/api/admin/people/{user_id}").json()
                return found["person"]["deactivated_at"]

            assert since() is None
            deployment.run("users", "deactivate", "EVE@example.com")
            moment = since()
            assert moment is not None
            late = with_key(process, deployment.run("keys", "create", "eve@example.com"))
            assert eve.get("/api/projects").status_code == 401
            assert late.get("/api/projects").status_code == 401
            assert operator.get("/api/projects").status_code == 200
            deployment.run("users", "deactivate", "eve@example.com")
            assert since() == moment
            deployment.run("keys", "revoke", key_id)
            deployment.run("users", "activate", "eve@example.com")
            assert since() is None
            people = (eve, revoked, late)
            assert sorted(one.get("/api/projects").status_code for one in people) == [200, 200, 401]
            # It is the same deactivation that the API ends, and the other way round.
            deployment.run("users", "deactivate", "eve@example.com")
            operator.post(f"/api/admin/people/{user_id}/activate").raise_for_status()
            assert late.get("/api/projects").status_code == 200
            operator.post(f"/api/admin/people/{user_id}/deactivate").raise_for_status()
            deployment.run("users", "activate", "eve@example.com")
            assert late.get("/api/projects").status_code == 200

    def test_a_key_that_takes_the_place_of_another(self, deployment):
        with deployment.serve() as process:
            words = ("keys", "create", "admin@example.com", "--scopes", "read", "--name", "CI")
            former = with_key(process, deployment.run(*words))
            (line,) = [line for line in deployment.run("keys", "list").splitlines() if "CI" in line]
            present = with_key(process, deployment.run("keys", "rotate", line.split()[0]))
            assert former.get("/api/projects").status_code == 401
            assert present.get("/api/projects").status_code == 200
            assert present.post("/api/projects", json={"name": "x"}).status_code == 403
            assert "read  live  CI" in deployment.run("keys", "list")

    def test_a_key_expires_by_itself(self, local):
        with local.serve() as process:
            lasting = with_key(
                process, local.run("keys", "create", "admin@example.com", "--days", "1")
            )
            short = with_key(
                process, local.run("keys", "create", "admin@example.com", "--days", "0.00003")
            )
            assert short.get("/api/projects").status_code == 200
            wait_until(lambda: short.get("/api/projects").status_code == 401, "the key expires")
            assert lasting.post("/api/projects", json={"name": "x"}).status_code == 201
        printed = local.run("keys", "list")
        assert (printed.count("expires 2"), printed.count("expired 2")) == (1, 1)

    @pytest.mark.parametrize(
        ("words", "status", "reason"),
        [
            (["users", "add", " a@example.com "], 2, "is no e-mail address"),
            (["users", "add", "nobody"], 2, "is no e-mail address"),
            (["users", "add", "a@example.com", "--name", " "], 2, "Invalid value"),
            (["users", "add", "a@example.com", "--name", "A\nB"], 2, "one line"),
            (["users", "add", "ADMIN@example.com"], 1, "is registered already"),
            (["keys", "create", "b@example.com"], 1, "projects-api users add b@example.com"),
            (["keys", "create", "admin@example.com", "--scopes", "read,rule"], 2, "rule"),
            (["keys", "create", "admin@example.com", "--scopes", ""], 2, "scopes"),
            (["keys", "create", "admin@example.com", "--days", "-1"], 2, "days"),
            (["keys", "create", "admin@example.com", "--days", "1e12"], 2, "days"),
            (["keys", "create", "admin@example.com", "--days", "0"], 2, "does not expire"),
            (["keys", "create", "admin@example.com", "--name", "x" * 256], 2, "255 characters"),
            (["keys", "create", "admin@example.com", "--name", "\u3164"], 2, "can be seen"),
            (["keys", "create", "admin@example.com", "--name", "a\u202eb"], 2, "U+202E"),
            (["keys", "create", "admin@example.com", "--name", "a\u2028b"], 2, "one line"),
            (["keys", "revoke", "no-id"], 1, "projects-api keys list"),
            (["keys", "rotate", "no-id"], 1, "projects-api keys list"),
            (["audit", "--days", "1e9"], 2, "36500"),
            (["users", "remove", "b@example.com"], 1, "projects-api users list"),
            (["users", "disable", "b@example.com"], 1, "projects-api users list"),
            (["users", "deactivate", "b@example.com"], 1, "projects-api users list"),
            (["users", "add", "b@Service-accounts.invalid"], 2, "accounts have"),
            (["users", "activate", "b@example.com"], 1, "projects-api users list"),
            (["demo", "--email", "b@example.com"], 1, "projects-api users add b@example.com"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, introduced, monkeypatch, words, status, reason):
        monkeypatch.chdir(introduced.folder)
        # Loggers keep what they were set up with, and the runner's standard error is soon closed.
        monkeypatch.setattr(logs, "set_up_logs", lambda *_: None)
        done = CliRunner().invoke(app, words)
        assert done.exit_code == status
        assert reason in done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)

    def test_who_is_not_kept_is_not_told(self, tmp_path, monkeypatch):
        deployment = Deployment(tmp_path)
        database = deployment.services.database
        upgrade(database)
        monkeypatch.chdir(deployment.folder)
        monkeypatch.setattr(logs, "set_up_logs", lambda *_: None)
        with database.connect() as reader:  # for whom the log of writes is kept as it is
            reader.execute(select(projects)).all()
            (log,) = tmp_path.rglob("*-wal")
            with files_limited_to(log.stat().st_size):
                done = CliRunner().invoke(app, ["users", "add", "a@example.com"])
        deployment.close()
        assert (done.exit_code, done.stdout) == (1, "")
        assert "the disk of the database is full" in done.stderr


class TestUpgradeDatabase:
    def test_makes_the_schema_and_says_its_revision(self, deployment):
        for _ in range(2):
            assert (
                deployment.run("db", "upgrade") == f"The schema is at revision {schema.head()}.\n"
            )
        with deployment.services.database.transaction(writing=False) as connection:
            assert schema.current(connection) == schema.head()
            assert schema.differences(connection) == []


class TestDemoAndVerify:
    def test_a_story(self, deployment, tmp_path):
        with deployment.serve() as process:
            me = person_of(process)
            (project_id,) = re.fullmatch(r"PROJECT_ID=(.+)\n", deployment.run("demo")).groups()
            project = me.get(f"/api/projects/{project_id}").json()["project"]
            counts = [project[f"{kind}_count"] for kind in ("dataset", "experiment", "model")]
            assert counts == [1, 1, 4]
            export = me.get(f"/api/projects/{project_id}/export").content
        with deployment.services.database.transaction(writing=False) as connection:
            assert connection.execute(select(blob_leases.c.id)).all() == []
        file = tmp_path / "export.zip"
        file.write_bytes(export)
        assert deployment.run("verify", str(file)) == f"{file} is whole.\n"
        take = ("import", str(file), "--owner", "admin@example.com", "--name")
        (back_id,) = re.fullmatch(r"PROJECT_ID=(.+)\n", deployment.run(*take, "Back")).groups()
        with deployment.services.database.transaction(writing=False) as connection:
            wanted = select(projects.c.name, projects.c.model_count)
            back = connection.execute(wanted.where(projects.c.id == back_id)).one()
        assert tuple(back) == ("Back", 4)
        # In the midst of the model, which is stored as it is.
        at = export.index(b"PK\x03\x04", len(export) // 2) - 1000
        file.write_bytes(export[:at] + bytes([export[at] ^ 1]) + export[at + 1 :])
        assert verify_archive(file) != []
        assert ".skops" in deployment.run("verify", str(file), status=1)
        assert ".skops" in deployment.run(*take, "Damaged", status=1)
        nobody = ("import", str(file), "--owner", "nobody@example.com")
        assert "users add nobody@example.com" in deployment.run(*nobody, status=1)

    def test_what_is_no_archive(self, local):
        (local.folder / "export.zip").write_bytes(b"no archive")
        assert "export.zip: The file is not a ZIP" in local.run("verify", "export.zip", status=1)

    def test_a_file_that_is_not_there(self, local):
        assert "does not exist" in local.run("verify", "export.zip", status=2)


class TestEnd:
    def test_no_process_outlives_one_that_was_killed(self, deployment):
        with deployment.serve(workers=2) as process:
            parent = psutil.Process(process.popen.pid)
            everyone = parent.children(recursive=True)
            assert len(everyone) >= 2
            parent.kill()
            process.popen.wait()
            # One that is importing sees it afterwards.
            _, alive = psutil.wait_procs(everyone, timeout=240)
            assert alive == []

    def test_a_closed_terminal_ends_it_gently(self, deployment):
        with deployment.serve() as process:
            os.kill(process.popen.pid, signal.SIGHUP)
            assert process.popen.wait(60) == 0


def kept_by(deployment: Deployment) -> list[Path]:
    """Find all that commands made, without what the tests themselves wrote down of them."""
    return [one for one in deployment.folder.rglob("*") if one.suffix not in {".out", ".log"}]


def open_to_others(deployment: Deployment) -> list[Path]:
    made = kept_by(deployment)
    assert made
    return [one for one in made if one.stat().st_mode & 0o077]


class TestDoctor:
    @pytest.fixture
    def used(self, deployment):
        """An installation with two projects and two files in one of them."""
        services = deployment.services
        upgrade(services.database)
        with services.database.transaction() as connection:
            user_id = user.create(connection, email="a@example.com", name="A")
            made = [project.create(connection, user_id, name=name, description="") for name in "PQ"]
        for number in range(2):
            file = deployment.folder / f"{number}.csv"
            file.write_bytes(b"a,b\n%d,1\n" % number)
            keep(services, made[0]["id"], file)
        return deployment

    def test_what_others_can_read(self, used):
        folder = used.services.settings.data_dir
        folder.chmod(0o755)
        assert f"others can read {folder}: run `chmod go= {folder}`" in used.run("doctor", status=1)
        folder.chmod(0o700)
        assert "FAULT" not in used.run("doctor")

    def test_a_cluster_of_h2o_that_cannot_be_joined(self, local):
        local.run("db", "upgrade")
        local.variables["PROJECTS_API_H2O_URL"] = "http://127.0.0.1:1"
        told = local.run("doctor", status=1)
        why = "(to join it needs the extra h2o|it does not answer as H2O does)"
        assert re.search(rf"FAULT  H2O http://127.0.0.1:1\n +{why}", told), told

    def test_a_command_keeps_its_files_to_itself(self, local):
        local.run("db", "upgrade")
        assert open_to_others(local) == []

    def test_a_server_and_its_processes_keep_their_files_to_themselves(self, deployment):
        with deployment.serve(workers=2) as process:
            person = person_of(process)
            project_id = person.create_project()
            assert person.upload(project_id).status_code == 201
            about = {"project_id": project_id, "kind": "project", "entity_id": project_id}
            asked = person.post("/api/reports", json=about)
            assert asked.status_code == 201, asked.text
            job = f"/api/jobs/{asked.json()['job_id']}"
            wait_until(
                lambda: person.get(job).json()["job"]["status"] == "succeeded",
                "the report is written",
            )
            stored = [one for one in kept_by(deployment) if len(one.name) == 64]
            assert len(stored) == 3  # the table, and the report in two forms
            assert open_to_others(deployment) == []

    def test_finds_nothing_and_then_every_fault(self, used, tmp_path):
        healthy = used.run("doctor")
        assert len(healthy.splitlines()) >= 5
        assert all(line.startswith("ok  ") for line in healthy.splitlines())
        with used.services.database.transaction() as connection:
            changed = connection.execute(
                update(projects)
                .where(projects.c.dataset_count == 2)
                .values(dataset_count=7)
                .returning(projects.c.id)
            )
            project_id = changed.scalar_one()
            missing = connection.scalars(select(blobs.c.sha256).limit(1)).one()
            demoted = update(members).where(members.c.project_id == project_id)
            demoted = demoted.values(role="viewer").returning(members.c.user_id)
            user_id = connection.execute(demoted).scalars().first()
        store = used.services.artifacts.store
        store.delete(missing)
        file = tmp_path / "orphan"
        file.write_bytes(b"nobody's")
        orphan = describe(file)
        store.put(orphan, file)
        faults = used.run("doctor", status=1)
        assert f"project {project_id} says dataset_count 7, and has 2" in faults
        assert f"content {missing} should have 8 bytes, and has None" in faults
        assert f"content {orphan.sha256} has no row" in faults
        assert "FAULT  counts equal what they count" in faults
        assert f"user {user_id} has another role in project {project_id} than was given" in faults
        assert f"project {project_id} has no owner" in faults
        assert "FAULT  artifact store" in faults
        assert "ok     database" in faults

    def test_a_schema_of_another_time(self, used):
        with used.services.database.transaction() as connection:
            command.downgrade(schema._config(connection), "base")
        faults = used.run("doctor", status=1)
        assert "the schema is at None" in faults
        assert "run `projects-api db upgrade`" in faults

    def test_a_schema_that_somebody_changed(self, used):
        with used.services.database.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE projects ADD COLUMN colour VARCHAR(10)")
        found = dict(examine(used.services.settings))
        assert any("colour" in fault for faults in found.values() for fault in faults)

    def test_a_database_that_is_not_there(self, tmp_path):
        url = f"postgresql://somebody:s3cr3t@/nothing?host={tmp_path}"
        deployment = Deployment(tmp_path, {"PROJECTS_API_DATABASE_URL": url})
        printed = deployment.run("doctor", status=1)
        assert "FAULT  database" in printed
        assert "s3cr3t" not in printed

    def test_a_store_that_is_not_there(self, local):
        local.run("db", "upgrade")
        Path(local.folder / "data" / "artifacts").write_text("no folder")
        assert "FAULT  artifact store" in local.run("doctor", status=1)
