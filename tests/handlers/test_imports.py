"""The operation of the tag `imports`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED

import pytest
from sqlalchemy import select

from projects_api.models import job_log
from projects_api.models.blob import blobs
from projects_api.models.job import jobs
from tests.archives import (
    as_imported,
    as_zip,
    empty_export,
    first_file,
    normalised,
    read_manifest,
    rewrite,
    told,
)
from tests.full_project import fill
from tests.support import crashing_import as dying_import

ROOT = Path(__file__).parents[2]
IMPORT = "/api/projects/import"


def send(person, archive: bytes | Path, headers=None, **fields: str):
    content = archive.read_bytes() if isinstance(archive, Path) else archive
    files = {"file": ("export.zip", content)}
    return person.post(IMPORT, data=fields, files=files, headers=headers)


def export_of(person, project_id: str, path: Path) -> Path:
    answer = person.get(f"/api/projects/{project_id}/export")
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return path


@pytest.fixture(scope="module")
def alice(server):
    return server.person("Alice Chen")


@pytest.fixture(scope="module")
def bob(server):
    return server.person("Bob Smith")


@pytest.fixture(scope="module")
def full(server, alice, bob, tmp_path_factory) -> Path:
    """The export of a project that has everything, with two members."""
    folder = tmp_path_factory.mktemp("full")
    project_id = fill(server.services, alice.user_id, folder)
    assert alice.share(project_id, bob, "editor").status_code == 201
    return export_of(alice, project_id, folder / "full.zip")


def left_behind(server, person) -> tuple[list[str], set[str], set[str], list[Path]]:
    """Collect, then give the person's projects, all contents, what is stored, and spooled files."""
    server.services.artifacts.collect()
    names = [one["name"] for one in person.get("/api/projects").json()["items"]]
    with server.services.database.transaction(writing=False) as connection:
        contents = set(connection.scalars(select(blobs.c.sha256)))
    store = server.services.artifacts.store
    stored = {sha256 for sha256, _ in store.list()}
    return names, contents, stored, list(store.spool_folder.iterdir())


def no_job(server, person) -> bool:
    with server.services.database.transaction(writing=False) as connection:
        mine = select(jobs.c.id).where(jobs.c.user_id == person.user_id)
        return connection.execute(mine).first() is None


class TestImportProject:
    def test_back_again(self, server, alice, full, tmp_path):
        answer = send(alice, full)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["job_id"]
        assert answer.headers["location"] == f"/api/jobs/{job_id}"
        assert alice.get(f"/api/jobs/{job_id}").json()["job"]["status"] == "queued"
        server.run_job(job_id)
        job = alice.get(answer.headers["location"]).json()["job"]
        assert (job["status"], job["progress"], job["message"]) == ("succeeded", 100, None)
        assert job["project_id"] == job["entity_id"]
        again = export_of(alice, job["project_id"], tmp_path / "again.zip")
        first, second = read_manifest(full), read_manifest(again)
        first = as_imported(first)
        first["members"] = second["members"] = []  # whom an import by HTTP leaves out
        assert normalised(second) == normalised(first)

    def test_names_that_no_new_thing_may_have_are_cleaned(self, server, alice, full, tmp_path):
        known = {}

        def rename(document):
            document["project"]["name"] = "Fis\u202eh"
            document["datasets"][0]["name"] = "\u200b"
            known.update(document["datasets"][0])

        job_id = send(alice, rewrite(full, tmp_path / "r.zip", rename)).json()["job_id"]
        server.run_job(job_id)
        job = alice.get(f"/api/jobs/{job_id}").json()["job"]
        assert job["status"] == "succeeded", job
        again = read_manifest(export_of(alice, job["project_id"], tmp_path / "again.zip"))
        assert again["project"]["name"] == "Fish"
        assert known["id"] in {one["name"] for one in again["datasets"]}

    def test_everything_in_it_is_answered(self, server, alice, full):
        job = server.run_job(send(alice, full).json()["job_id"])
        here = {"project_id": job["project_id"]}
        project = alice.get(f"/api/projects/{job['project_id']}").json()["project"]
        counts = [project[f"{one}_count"] for one in ("dataset", "experiment", "model")]
        assert counts == [2, 3, 2]
        timeline = alice.get(f"/api/projects/{job['project_id']}/timeline").json()
        assert timeline["total"] == 5
        for one in alice.get("/api/datasets", params=here).json()["items"]:
            for path in ("", "/download"):
                assert alice.get(f"/api/datasets/{one['id']}{path}").status_code == 200

    def test_another_name_and_other_members(self, server, bob, full):
        carol = server.person("Carol Jones")
        job = server.run_job(send(carol, full, name="Carol's").json()["job_id"])
        project_id = job["project_id"]
        found = carol.get(f"/api/projects/{project_id}").json()["project"]
        assert found["name"] == "Carol's"
        members = carol.get(f"/api/projects/{project_id}/members").json()["items"]
        assert [(one["user_id"], one["role"]) for one in members] == [(carol.user_id, "owner")]
        assert bob.get(f"/api/projects/{project_id}").status_code == 404

    def test_who_was_a_member_is_told_whether_registered_or_not(
        self, server, alice, bob, full, tmp_path
    ):
        """Or else an archive with anybody's address would tell who is registered."""

        def rename(document):
            document["members"][0]["email"] = bob.email
            document["members"][1]["email"] = "nobody@elsewhere.example"

        job_id = send(alice, rewrite(full, tmp_path / "r.zip", rename)).json()["job_id"]
        assert server.run_job(job_id)["status"] == "succeeded"
        with server.services.database.transaction(writing=False) as connection:
            lines, _ = job_log.list_logs(connection, job_id, limit=10, offset=0)
        told = [line["message"] for line in lines]
        for email in (bob.email, "nobody@elsewhere.example"):
            assert f"{email} was a member, and is none here. Invite them anew." in told

    def test_the_job_is_nobody_elses(self, alice, bob, problem):
        job_id = send(alice, empty_export()).json()["job_id"]
        problem(bob.get(f"/api/jobs/{job_id}"), 404, "job-not-found")

    def test_the_same_again_is_one_job(self, alice):
        key = {"Idempotency-Key": "import-once"}
        archive = empty_export()
        first, second = (send(alice, archive, headers=key) for _ in range(2))
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"

    def test_the_path_takes_a_post_only(self, alice, problem):
        answer = alice.get(IMPORT)
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "POST, OPTIONS"

    @pytest.mark.parametrize(
        ("archive", "reason"),
        [
            (b"", "not a ZIP archive"),
            (b"%PDF-1.7", "not a ZIP archive"),
            (empty_export()[:-30], "not a ZIP archive"),
            (as_zip(readme=b"x"), "'manifest.json' is missing"),
            (as_zip(**{"manifest.json": b"[" * 100_000}), "cannot be read"),
            (as_zip(**{"manifest.json": b'{"format_version": 9}'}), "format version 9"),
            (as_zip(**{"manifest.json": b'{"format_version": 1, "files": []}'}), "required"),
            (empty_export(" "), "/project/name"),
        ],
    )
    def test_what_is_no_export_leaves_nothing(self, server, problem, archive, reason):
        somebody = server.person()
        before = left_behind(server, somebody)
        problem(send(somebody, archive), 422, "not-an-export", reason)
        assert left_behind(server, somebody) == before
        assert no_job(server, somebody)

    @pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a\\..\\b"])
    def test_paths_that_lead_elsewhere(self, server, alice, problem, full, tmp_path, name):
        archive = rewrite(full, tmp_path / "evil.zip", files={name: b"x"})
        before = left_behind(server, alice)
        problem(send(alice, archive), 422, "not-an-export", "no plain relative path")
        assert left_behind(server, alice) == before

    def test_a_bomb(self, server, problem):
        somebody = server.person()
        zeros = bytes(server.settings.max_import_bytes + 1)
        bomb = as_zip(**{"manifest.json": zeros})
        assert len(bomb) > server.settings.max_import_bytes
        before = left_behind(server, somebody)
        problem(send(somebody, bomb), 413, "too-large")
        assert left_behind(server, somebody) == before

    def test_a_bomb_that_is_packed_small(self, server, alice, problem, full, tmp_path):
        name, zeros = first_file(full, ".html"), bytes(2 * server.settings.max_import_bytes)
        edit = told(name, zeros)
        archive = rewrite(full, tmp_path / "bomb.zip", edit, {name: zeros}, ZIP_DEFLATED)
        assert archive.stat().st_size < 50_000
        before = left_behind(server, alice)
        problem(send(alice, archive), 422, "not-an-export", "and 2000000 is the most.")
        assert left_behind(server, alice) == before

    def test_more_than_an_upload_may_have(self, server, alice):
        # The limit of uploads is another one.
        size = server.settings.max_upload_bytes + 1
        assert size < server.settings.max_import_bytes
        answer = send(alice, bytes(size))
        assert answer.status_code == 422

    @pytest.mark.parametrize("name", ["", " ", "x" * 256, "a\0b"])
    def test_a_name_that_is_none(self, alice, problem, name):
        problem(send(alice, empty_export(), name=name), 422, "contract-violation")

    def test_a_file_that_is_missing(self, alice, problem):
        problem(alice.post(IMPORT, files={"name": (None, "x")}), 422, "contract-violation")

    def test_what_only_the_job_finds_leaves_nothing(self, server, problem, full, tmp_path):
        somebody = server.person()
        name = first_file(full, ".parquet")
        damaged = full.read_bytes().replace(b" another model", b" another MODEL")
        no_table = rewrite(full, tmp_path / "t.zip", told(name, b"\0"), {name: b"\0"})
        before = left_behind(server, somebody)
        for archive, reason in (
            (damaged, "cannot be read: Bad CRC-32"),
            (no_table.read_bytes(), "is no table."),
        ):
            answer = send(somebody, archive)
            assert answer.status_code == 202, answer.text
            row = server.run_job(answer.json()["job_id"])
            job = somebody.get(answer.headers["location"]).json()["job"]
            assert (job["status"], job["project_id"]) == ("failed", None)
            assert reason in job["message"]
            assert row["input_sha256"] is None
        assert left_behind(server, somebody) == before

    def test_kill_in_the_midst_and_another_worker_finishes(self, server, full, tmp_path):
        somebody, mark = server.person(), tmp_path / "inserted"
        job_id = send(somebody, full).json()["job_id"]
        process = subprocess.Popen(
            [sys.executable, "-m", dying_import.MODULE],
            env={
                **os.environ,
                "PROJECTS_API_DATABASE_URL": server.settings.database,
                "PROJECTS_API_DATA_DIR": str(server.settings.data_dir),
                "PROJECTS_API_JOB_LEASE_SECONDS": "1",
                "PYTHONPATH": str(ROOT),
                "DYING_JOB": job_id,
                "DYING_MARK": str(mark),
            },
            stderr=subprocess.DEVNULL,
        )
        assert process.wait(60) == -signal.SIGKILL
        assert mark.exists()
        row = server.job(job_id)
        assert (row["status"], row["attempts"], row["project_id"]) == ("running", 1, None)
        assert somebody.get("/api/projects").json()["total"] == 0
        assert somebody.get(f"/api/projects/{row['entity_id']}").status_code == 404
        time.sleep(1.1)  # The lease of the dead worker runs out.
        row = server.run_job(job_id)
        assert (row["status"], row["attempts"]) == ("succeeded", 2)
        again = export_of(somebody, row["project_id"], tmp_path / "again.zip")
        expected = as_imported(read_manifest(full))
        assert len(read_manifest(again)["files"]) == len(expected["files"])
        assert somebody.get("/api/projects").json()["total"] == 1

    def test_the_archive_is_kept_while_it_waits(self, server, alice):
        archive = empty_export("It waits")
        job_id = send(alice, archive).json()["job_id"]
        server.services.artifacts.collect()
        assert server.run_job(job_id)["status"] == "succeeded"
