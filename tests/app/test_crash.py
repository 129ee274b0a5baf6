"""What a server that is killed leaves behind, and what one that is asked to end still does."""

import hashlib
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import requests
from sqlalchemy import select, update

from projects_api.app.doctor import examine
from projects_api.archive.reader import verify_archive
from projects_api.database.schema import upgrade
from projects_api.models import dataset, project, user
from projects_api.models.artifact import artifacts
from projects_api.models.base import to_text
from projects_api.models.blob import LEASE_TIME, blob_leases, blobs
from tests.conftest import Person
from tests.support import crashing_upload as dying
from tests.support.processes import (
    PATIENCE,
    Deployment,
    Process,
    person_of,
    upload_pieces,
    wait_until,
)

WRITES = 200
WRITERS = 8


def let_time_pass(deployment: Deployment) -> None:
    """Make what the dead process held as old as it is when it expires."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with deployment.services.database.transaction() as connection:
        connection.execute(update(blob_leases).values(expires_at=to_text(past)))
    old = (past - LEASE_TIME).timestamp()
    for path in spooled(deployment):
        os.utime(path, (old, old))


def spooled(deployment: Deployment) -> list[Path]:
    return list(deployment.services.artifacts.store.spool_folder.iterdir())


def stored(deployment: Deployment) -> set[str]:
    return {sha256 for sha256, _ in deployment.services.artifacts.store.list()}


def known(deployment: Deployment) -> set[str]:
    with deployment.services.database.transaction(writing=False) as connection:
        return set(connection.scalars(select(blobs.c.sha256)))


def used(deployment: Deployment) -> set[str]:
    with deployment.services.database.transaction(writing=False) as connection:
        return set(connection.scalars(select(artifacts.c.sha256)))


def assert_nothing_is_left(deployment: Deployment) -> None:
    """Check that files, their rows and their uses are the same, and that the doctor agrees."""
    assert stored(deployment) == known(deployment) == used(deployment)
    assert spooled(deployment) == []
    assert_healthy(deployment)


def assert_healthy(deployment: Deployment) -> None:
    assert [fault for _, faults in examine(deployment.services.settings) for fault in faults] == []


@dataclass
class Writes:
    """Many writes from several threads, and what the server said of them until it was gone."""

    key: str
    url: str
    project_id: str
    enough: int
    projects: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        numbers = iter(range(WRITES))
        lock = threading.Lock()

        def write() -> None:
            session = requests.Session()
            session.headers["Authorization"] = f"Bearer {self.key}"
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    self.create(session, number) if number % 2 else self.upload(session, number)
                except requests.RequestException:
                    self.unanswered.append(f"write {number}")
                    return

        with ThreadPoolExecutor(WRITERS) as pool:
            for writer in [pool.submit(write) for _ in range(WRITERS)]:
                writer.result()

    def create(self, session: requests.Session, number: int) -> None:
        name = f"write {number}"
        answer = session.post(
            f"{self.url}/api/projects",
            json={"name": name},
            headers={"Idempotency-Key": f"key-{number}"},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        self.projects[name] = answer.json()["project_id"]
        self.count()

    def upload(self, session: requests.Session, number: int) -> None:
        content = b"a,b\n" + b"%d,1\n" % number * 1000
        answer = session.post(
            f"{self.url}/api/datasets/upload",
            data={"project_id": self.project_id, "name": f"write {number}"},
            files={"file": ("f.csv", content)},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        self.files[answer.json()["id"]] = content
        self.count()

    def count(self) -> None:
        if len(self.projects) + len(self.files) >= self.enough:
            self.reached.set()


def listed(person: Person, path: str, **parameters: object) -> list[dict]:
    """Read a whole list, page by page."""
    items: list[dict] = []
    while True:
        page = person.get(path, params={**parameters, "offset": len(items)}).json()
        items += page["items"]
        if len(items) >= page["total"] or not page["items"]:
            assert len(items) == page["total"]
            return items


def test_killed_during_many_writes(deployment):
    with deployment.serve() as process:
        me = person_of(process)
        writes = Writes(me.key, process.url, me.create_project("uploads"), enough=60)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(writes.run)
            assert writes.reached.wait(PATIENCE)
            helpers = process.ps.children(recursive=True)
            process.kill()
            running.result()
        assert writes.unanswered, "everything was answered before the server was killed"
        gone, alive = psutil.wait_procs(helpers, timeout=PATIENCE)
        assert len(gone) > 0
        assert alive == []
    with deployment.serve(maintenance_seconds=0.2) as process:
        me = Person(process.server, "", "", me.key)
        check_what_was_acknowledged(me, writes)
        check_that_all_is_whole(me, writes)
        let_time_pass(deployment)
        wait_until(lambda: known(deployment) == used(deployment), "unused files are collected")
        wait_until(lambda: spooled(deployment) == [], "the spool is cleaned")
        assert_nothing_is_left(deployment)
        check_what_was_acknowledged(me, writes)


def check_what_was_acknowledged(me: Person, writes: Writes) -> None:
    for name, project_id in writes.projects.items():
        found = me.get(f"/api/projects/{project_id}")
        assert found.json()["project"]["name"] == name
        headers = {"Idempotency-Key": f"key-{name.split()[1]}"}
        again = me.post("/api/projects", json={"name": name}, headers=headers)
        assert again.json()["project_id"] == project_id
    for dataset_id, content in writes.files.items():
        assert me.get(f"/api/datasets/{dataset_id}/download").content == content


def check_that_all_is_whole(me: Person, writes: Writes) -> None:
    """Whatever can be seen is complete, whether its writer got an answer or not."""
    projects = listed(me, "/api/projects", limit=100)
    names = {one["name"] for one in projects} - {"uploads"}
    assert len(projects) == len(names) + 1
    assert set(writes.projects) <= names <= set(writes.projects) | set(writes.unanswered)
    for one in projects:
        members = me.get(f"/api/projects/{one['id']}/members").json()["items"]
        assert [member["role"] for member in members] == ["owner"]
    datasets = listed(me, "/api/datasets", project_id=writes.project_id, limit=100)
    extra = {one["name"] for one in datasets if one["id"] not in writes.files}
    assert extra <= set(writes.unanswered)
    assert len(datasets) - len(extra) == len(writes.files)
    for one in datasets:
        content = me.get(f"/api/datasets/{one['id']}/download").content
        assert hashlib.sha256(content).hexdigest() == one["sha256"]
        assert one["rows"] == 1000
    (holder,) = [one for one in projects if one["name"] == "uploads"]
    assert holder["dataset_count"] == len(datasets)
    events = me.get(f"/api/projects/{writes.project_id}/timeline").json()["events"]
    assert len(events) == len(datasets)


@pytest.mark.parametrize(
    "moment",
    [
        "before the bytes",
        "before the rows",
        "before the commit",
        "before the collection",
        "before the removal",
        "after the removal",
    ],
)
def test_killed_at_a_certain_moment(deployment, tmp_path, moment):
    """The moments that no timing of a kill from outside is sure to meet."""
    services = deployment.services
    upgrade(services.database)
    with services.database.transaction() as connection:
        owner_id = user.create(connection, email="a@example.com", name="A")
        project_id = project.create(connection, owner_id, name="P", description="")["id"]
    kept, file = tmp_path / "kept.csv", tmp_path / "dying.csv"
    kept.write_bytes(b"a,b\n1,2\n")
    file.write_bytes(b"a,b\n7,8\n")
    kept_id = dying.keep(services, project_id, kept)
    done = subprocess.run(
        [sys.executable, dying.__file__, moment, project_id, str(file)],
        env={**deployment.environment, "PROJECTS_API_DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    # Whatever is in the store has a row that leads to it, and only whole things are seen.
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert stored(deployment) <= known(deployment)
    assert sha256 in known(deployment)
    assert names(deployment, project_id) == ["kept.csv"]
    assert_healthy(deployment)
    # The same file, sent again, is as good as new whatever was left of it.
    again = dying.keep(services, project_id, file)
    assert b"".join(services.artifacts.read(sha256)) == file.read_bytes()
    with services.database.transaction() as connection:
        assert dataset.remove(connection, project_id, again)
    let_time_pass(deployment)
    services.artifacts.collect()
    assert_nothing_is_left(deployment)
    with services.database.transaction() as connection:
        assert dataset.remove(connection, project_id, kept_id)
    services.artifacts.collect()
    assert_nothing_is_left(deployment)
    assert stored(deployment) == set()


def names(deployment: Deployment, project_id: str) -> list[str]:
    with deployment.services.database.transaction(writing=False) as connection:
        return [one["name"] for one in dataset.list_for_project(connection, project_id)[0]]


def test_killed_while_a_file_arrives(deployment):
    """A body of which only a part came leaves a spooled part, until the next start."""
    with deployment.serve() as process:
        me = person_of(process)
        project_id = me.create_project()
        cut = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(lambda: upload_slowly(me, project_id, cut.wait))
            wait_until(lambda: spooled(deployment), "a part arrives")
            process.kill()
            cut.set()
            assert isinstance(sending.exception(PATIENCE), requests.RequestException)
        assert spooled(deployment) != []
    with deployment.serve(maintenance_seconds=0.2) as process:
        wait_until(lambda: spooled(deployment) == [], "the spool is cleaned")
        let_time_pass(deployment)
        me = Person(process.server, "", "", me.key)
        assert listed(me, "/api/datasets", project_id=project_id) == []
        assert_nothing_is_left(deployment)


def upload_slowly(
    person: Person, project_id: str, pause: Callable[[], object], rows: int = 2_000_000
) -> requests.Response:
    """Send a file in pieces, and wait in its midst."""

    def pieces() -> Iterator[bytes]:
        yield b"a,b\n"
        yield b"1,2\n" * (rows // 2)
        pause()
        yield b"3,4\n" * (rows // 2)

    return upload_pieces(person, project_id, pieces())


def ask_to_end(process: Process) -> None:
    """Ask the server to end, and wait until it would if no request were running."""
    process.terminate()
    wait_until(lambda: process.lines("Shutting down"), "the server begins to end")
    time.sleep(0.5)
    assert process.popen.poll() is None, "it ended although a request was running"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_lets_an_upload_finish(local, workers):
    with local.serve("--workers", str(workers)) as process:
        me = person_of(process)
        project_id = me.create_project()
        answer = upload_slowly(me, project_id, lambda: ask_to_end(process), rows=100_000)
        assert answer.status_code == 201, answer.text
        assert process.wait() == 0
    with local.serve() as process:
        me = Person(process.server, "", "", me.key)
        (uploaded,) = listed(me, "/api/datasets", project_id=project_id)
        assert uploaded["rows"] == 100_000
        assert_nothing_is_left(local)


def test_a_stop_lets_an_export_finish(local, tmp_path):
    with local.serve() as process:
        me = person_of(process)
        project_id = me.create_project()
        # More than what the sockets between server and reader hold.
        content = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(1_500_000))
        assert me.upload(project_id, content).status_code == 201
        export = me.get(f"/api/projects/{project_id}/export", stream=True)
        pieces = export.iter_content(1 << 16)
        begun = b"".join(itertools.islice(pieces, 4))
        ask_to_end(process)
        archive = begun + b"".join(pieces)
        assert process.wait() == 0
    (tmp_path / "e.zip").write_bytes(archive)
    assert verify_archive(tmp_path / "e.zip") == []
    (name,) = [n for n in zipfile.ZipFile(io.BytesIO(archive)).namelist() if n[0] != "m"]
    assert zipfile.ZipFile(io.BytesIO(archive)).read(name) == content
    assert_nothing_is_left(local)


def test_a_stop_does_not_wait_for_ever(local):
    with local.serve(shutdown_seconds=1) as process:
        me = person_of(process)
        project_id = me.create_project()
        assert not is_done(lambda: upload_slowly(me, project_id, lambda: end(process)))
        assert process.popen.returncode == 0
    assert names(local, project_id) == []
    assert_nothing_is_left(local)


def end(process: Process) -> None:
    process.terminate()
    process.wait()


def is_done(request: Callable[[], requests.Response]) -> bool:
    """Tell whether a request was answered as a success."""
    try:
        return request().ok
    except requests.RequestException:
        return False
