"""Nobody fills the store: what people and projects may keep has bounds that hold at once, too."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from zipfile import ZIP_DEFLATED, ZIP_STORED

import pytest
from sqlalchemy import select

from projects_api.archive.importing import check_archive, unpack
from projects_api.archive.reader import DENSE_FROM_BYTES, ArchiveRefused, ArchiveTooDense
from projects_api.models.blob import blobs
from projects_api.settings import Settings
from projects_api.storage.quotas import Quotas
from projects_api.storage.store import ArtifactStore
from tests.archives import first_file, rewrite, told
from tests.conftest import running
from tests.handlers.conftest import assert_problem

PERSON, PROJECT = 100_000, 60_000
AT_ONCE = 4
IMPORT = "/api/projects/import"


def table(size: int, letter: str = "a") -> bytes:
    """Write a table of so many bytes."""
    head = f"{letter},b\n".encode()
    rows, blanks = divmod(size - len(head), 4)
    return head + b"1,2\n" * rows + b"\n" * blanks


@pytest.fixture(scope="module")
def limited(server, database_url, tmp_path_factory):
    """A server with small quotas, on the database of the shared one."""
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        data_dir=tmp_path_factory.mktemp("limited"),
        maintenance_seconds=3600,
        threads=16,
        person_quota_bytes=PERSON,
        project_quota_bytes=PROJECT,
    )
    with running(settings, migrate=False) as limited:
        yield limited


@pytest.fixture
def alice(limited):
    return limited.person("Alice Chen")


def used(person) -> int:
    return person.get("/api/usage").json()["stored_bytes"]


def assert_nothing_stays(server, content: bytes) -> None:
    """Look at rows and store, for a content that nobody else has."""
    sha256 = hashlib.sha256(content).hexdigest()
    with server.services.database.transaction(writing=False) as connection:
        assert connection.scalar(select(blobs).where(blobs.c.sha256 == sha256)) is None
    assert sha256 not in dict(server.services.artifacts.store.list())


def test_a_project_takes_what_fits_to_the_byte(limited, alice):
    project_id = alice.create_project()
    assert alice.upload(project_id, table(50_000)).status_code == 201
    too_much = table(10_001, "too_much")
    document = assert_problem(alice.upload(project_id, too_much), 413, "quota-exceeded")
    assert "of this project would have 60001 bytes, and 60000 is the most" in document["detail"]
    assert "Delete" in document["detail"]
    assert_nothing_stays(limited, too_much)
    assert alice.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 1
    assert alice.upload(project_id, table(10_000)).status_code == 201
    assert used(alice) == PROJECT


def test_what_cannot_stay_is_not_even_stored(alice, monkeypatch):
    project_id = alice.create_project()
    assert alice.upload(project_id, table(50_000)).status_code == 201
    stored = []
    monkeypatch.setattr(ArtifactStore, "put", lambda *arguments: stored.append(arguments))
    assert_problem(alice.upload(project_id, table(10_001, "never")), 413, "quota-exceeded")
    assert stored == []


def test_a_person_takes_what_fits_to_the_byte_in_all_projects_together(limited, alice):
    for size in (50_000, 45_000):
        assert alice.upload(alice.create_project(), table(size)).status_code == 201
    third = alice.create_project()
    too_much = table(5_001, "all_of_them")
    document = assert_problem(alice.upload(third, too_much), 413, "quota-exceeded")
    assert "that you brought or had made would have 100001 bytes" in document["detail"]
    assert_nothing_stays(limited, too_much)
    assert alice.upload(third, table(5_000)).status_code == 201
    # The way out that the problem names.
    ids = [one["project_id"] for one in alice.get("/api/usage").json()["items"]]
    assert alice.delete(f"/api/projects/{ids[0]}").status_code == 200
    assert alice.upload(third, table(50_000)).status_code == 201


def test_the_same_file_again_counts_again(alice):
    project_id = alice.create_project()
    assert alice.upload(project_id, table(40_000)).status_code == 201
    assert_problem(alice.upload(project_id, table(40_000)), 413, "quota-exceeded")


def test_a_version_is_refused_too(limited, alice):
    project_id = alice.create_project()
    dataset_id = alice.upload(project_id, table(40_000)).json()["dataset_id"]
    too_much = table(30_000, "version")
    assert_problem(alice.upload_version(dataset_id, too_much), 413, "quota-exceeded")
    assert alice.get(f"/api/datasets/{dataset_id}").json()["dataset"]["version"] == 1
    assert_nothing_stays(limited, too_much)


def test_others_cannot_fill_a_persons_quota(limited, alice):
    eve = limited.person("Eve")
    project_id = eve.create_project("Full")
    assert eve.upload(project_id, table(PROJECT)).status_code == 201
    assert eve.share(project_id, alice, "owner").status_code == 201
    assert used(alice) == 0
    assert alice.upload(alice.create_project(), table(PROJECT)).status_code == 201


def test_who_leaves_takes_the_bytes_along(limited, alice):
    bob = limited.person("Bob")
    project_id = alice.create_project()
    assert alice.upload(project_id, table(PROJECT)).status_code == 201
    assert alice.share(project_id, bob, "owner").status_code == 201
    left = alice.delete(f"/api/projects/{project_id}/members/{alice.user_id}")
    assert left.status_code == 200
    assert (used(alice), used(bob)) == (PROJECT, 0)


@pytest.mark.parametrize("together", ["in a project", "of a person"])
def test_requests_at_once_do_not_pass_it_together(limited, alice, monkeypatch, together):
    """Each has found that it fits before any of them has kept its file."""
    arrived, put = threading.Barrier(AT_ONCE), ArtifactStore.put

    def put_together(*arguments):
        arrived.wait(timeout=60)
        put(*arguments)

    # Who has added up for the last time lets others do so before it commits, if they can.
    adding, check = threading.Barrier(2), Quotas.check

    def check_and_linger(quotas, connection, claim, more_bytes=0):
        check(quotas, connection, claim, more_bytes)
        if not more_bytes:
            with suppress(threading.BrokenBarrierError):
                adding.wait(timeout=1)

    monkeypatch.setattr(ArtifactStore, "put", put_together)
    monkeypatch.setattr(Quotas, "check", check_and_linger)
    size, fit = {"in a project": (25_000, 2), "of a person": (40_000, 2)}[together]
    ids = [alice.create_project() for _ in range(AT_ONCE)]
    if together == "in a project":
        ids = [ids[0]] * AT_ONCE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda one: alice.upload(one, table(size)), ids))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * fit + [413] * (AT_ONCE - fit)
    assert used(alice) == fit * size


@pytest.fixture(scope="module")
def archive_of(limited, tmp_path_factory):
    """Write an export whose only table is a given one."""
    folder = tmp_path_factory.mktemp("export")
    carol = limited.person("Carol")
    project_id = carol.create_project()
    assert carol.upload(project_id, table(100)).status_code == 201
    source = folder / "export.zip"
    source.write_bytes(carol.get(f"/api/projects/{project_id}/export").content)
    name = first_file(source, ".csv")

    def archive_of(content: bytes, method: int = ZIP_STORED) -> bytes:
        edit = told(name, content)
        return rewrite(source, folder / "e.zip", edit, {name: content}, method).read_bytes()

    return archive_of


def send(person, archive: bytes):
    return person.post(IMPORT, files={"file": ("export.zip", archive)})


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_an_archive_that_is_known_not_to_fit_is_not_taken(limited, alice, archive_of, method):
    archive = archive_of(table(PERSON + 4), method)
    assert_problem(send(alice, archive), 413, "quota-exceeded")
    assert_nothing_stays(limited, archive)


def test_an_import_that_does_not_fit_ends_with_the_reason(limited, alice, archive_of):
    content = table(PROJECT + 4, "imported")
    job_id = send(alice, archive_of(content)).json()["job_id"]
    job = limited.run_job(job_id)
    assert job["status"] == "failed"
    assert f"would have {PROJECT + 4} bytes, and {PROJECT} is the most" in job["message"]
    assert "GET /api/usage" in job["message"]
    limited.services.artifacts.collect()
    assert_nothing_stays(limited, content)
    assert alice.get("/api/projects").json()["total"] == 0
    assert used(alice) == 0


def test_an_import_that_fits_counts_for_who_sent_it(limited, alice, archive_of):
    content = table(PROJECT)
    archive = archive_of(content)
    job_id = send(alice, archive).json()["job_id"]
    assert used(alice) == len(archive)  # which waits
    job = limited.run_job(job_id)
    assert job["status"] == "succeeded", job["message"]
    assert used(alice) == len(content)


def test_archives_that_wait_fill_the_quota_too(limited, alice, archive_of):
    archive = archive_of(table(PROJECT))
    assert send(alice, archive).status_code == 202
    assert_problem(send(alice, archive), 413, "quota-exceeded")


def test_a_report_that_does_not_fit_ends_with_the_reason(limited, alice):
    project_id = alice.create_project()
    assert alice.upload(project_id, table(PROJECT - 100)).status_code == 201
    about = {"project_id": project_id, "kind": "project"}
    asked = alice.post("/api/reports", json=about).json()
    job = limited.run_job(asked["job_id"])
    assert (job["status"], f"{PROJECT} is the most" in job["message"]) == ("failed", True)
    report = alice.get(f"/api/reports/{asked['report_id']}").json()["report"]
    assert (report["status"], report["message"]) == ("failed", job["message"])
    assert used(alice) == PROJECT - 100


def test_an_archive_of_nearly_nothing_does_not_become_large(server, archive_of):
    """What zeros shrink to is far less than a thousandth of them."""
    eve = server.person("Eve")
    archive = archive_of(bytes(DENSE_FROM_BYTES), ZIP_DEFLATED)
    assert len(archive) < DENSE_FROM_BYTES / 500
    document = assert_problem(send(eve, archive), 413, "compression-ratio-exceeded")
    assert "more than the 100 times" in document["detail"]
    assert "without compression" in document["detail"]


def test_what_an_archive_says_of_itself_is_all_that_is_read(server, tmp_path, archive_of):
    """A directory that tells of less than there is gets that much and no more."""
    archive = archive_of(bytes(DENSE_FROM_BYTES), ZIP_DEFLATED)
    size = DENSE_FROM_BYTES.to_bytes(4, "little")
    told_less = archive.replace(size, (1000).to_bytes(4, "little"))
    assert told_less != archive
    path = tmp_path / "less.zip"
    path.write_bytes(told_less)
    with pytest.raises(ArchiveRefused):
        unpack(path, tmp_path, max_ratio=100)


def test_small_archives_may_be_dense_and_large_ones_by_setting(tmp_path, archive_of):
    path = tmp_path / "dense.zip"
    path.write_bytes(archive_of(b"a,b\n" * (DENSE_FROM_BYTES // 8), ZIP_DEFLATED))
    check_archive(path, PERSON * 1000, 100)
    path.write_bytes(archive_of(bytes(DENSE_FROM_BYTES), ZIP_DEFLATED))
    check_archive(path, PERSON * 1000, 0)
    with pytest.raises(ArchiveTooDense):
        check_archive(path, PERSON * 1000, 100)


def test_without_quotas_nothing_is_added_up(server, database_url, tmp_path):
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        data_dir=tmp_path,
        maintenance_seconds=3600,
        person_quota_bytes=0,
        project_quota_bytes=0,
    )
    with running(settings, migrate=False) as unlimited:
        person = unlimited.person()
        assert person.upload(person.create_project(), table(PERSON)).status_code == 201
        found = person.get("/api/usage").json()
    assert (found["stored_bytes"], found["quota_bytes"], found["left_bytes"]) == (
        PERSON,
        None,
        None,
    )
    assert found["items"][0]["quota_bytes"] is None
