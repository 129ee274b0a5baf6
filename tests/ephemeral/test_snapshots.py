"""Snapshots: what they keep, what a reset makes of them, and how many there may be."""

import pytest
import requests

from projects_api.contract.problems import NotFound
from projects_api.ephemeral import snapshots
from projects_api.ephemeral.seed import DEMO
from projects_api.ephemeral.server import EphemeralServer
from projects_api.ephemeral.snapshots import TooManySnapshots
from projects_api.models import job, project, user
from tests.ephemeral.test_ephemeral import faults_of
from tests.handlers.conftest import assert_problem
from tests.support.processes import PATIENCE, wait_until

CLOCK = "2026-03-01T00:00:00Z"
PAGE = "/_ephemeral/snapshots"


def send(server, method: str, path: str, role: str = "owner", **options) -> requests.Response:
    return requests.request(
        method,
        f"{server.base_url}{path}",
        headers=server.headers(role),
        timeout=PATIENCE,
        **options,
    )


def names(server) -> list[str]:
    return sorted(one["name"] for one in send(server, "GET", "/api/projects").json()["items"])


def upload(server, project_id: str, text: bytes) -> str:
    form = {"project_id": project_id, "name": "a.csv"}
    files = {"file": ("a.csv", text)}
    answer = send(server, "POST", "/api/datasets/upload", data=form, files=files)
    assert answer.status_code == 201
    return answer.json()["dataset_id"]


def create(server, name: str) -> str:
    return send(server, "POST", "/api/projects", json={"name": name}).json()["project_id"]


@pytest.fixture
def demo():
    with EphemeralServer.temporary(DEMO) as server:
        yield server


def keep(server: EphemeralServer, text: bytes) -> str:
    """Put a content into the store, as a request does, and return its SHA-256."""
    with server.services.artifacts.spool() as spool:
        spool.write(text)
        content = spool.content()
        server.services.artifacts.store.put(content, spool.path)
    return content.sha256


def stored(server: EphemeralServer) -> set[str]:
    return {sha256 for sha256, _ in server.services.artifacts.store.list()}


class TestThroughHttp:
    def test_rows_and_files_come_back(self, projects_api_server):
        server = projects_api_server
        made = create(server, "Kept")
        dataset_id = upload(server, made, b"a,b\n1,2\n")
        server.take_snapshot("kept")
        assert send(server, "DELETE", f"/api/projects/{made}").status_code == 200
        create(server, "Later")
        server.reset(snapshot="kept")
        assert names(server) == ["Fraud Detection v2", "Kept"]
        path = f"/api/datasets/{dataset_id}/download"
        assert send(server, "GET", path).content == b"a,b\n1,2\n"
        server.reset()
        assert names(server) == ["Fraud Detection v2"]
        server.reset(snapshot="kept")
        assert send(server, "GET", path).content == b"a,b\n1,2\n"
        assert send(server, "DELETE", f"{PAGE}/kept").status_code == 204

    def test_the_clock_goes_on_and_gives_no_id_twice(self, projects_api_server):
        server = projects_api_server
        server.reset(clock=CLOCK)
        first = create(server, "First")
        server.take_snapshot("clock")
        stories = []
        for _ in range(2):
            server.reset(snapshot="clock")
            made = send(server, "POST", "/api/projects", json={"name": "Second"}).json()
            stories.append(made)
        assert stories[0] == stories[1]
        assert stories[0]["project_id"] != first
        assert stories[0]["project"]["created_at"] == "2026-03-01T00:00:01Z"
        server.reset(clock=CLOCK, snapshot="clock")
        made = send(server, "POST", "/api/projects", json={"name": "Second"}).json()
        assert made["project"]["created_at"] == CLOCK
        assert made["project_id"] != first
        send(server, "DELETE", f"{PAGE}/clock")

    def test_they_are_listed_and_removed(self, projects_api_server):
        server = projects_api_server
        made = send(server, "POST", f"{PAGE}/a-1.b_c")
        assert (made.status_code, made.json()) == (201, {"name": "a-1.b_c"})
        server.reset()
        assert send(server, "GET", PAGE).json() == {"items": [{"name": "a-1.b_c"}]}
        assert send(server, "DELETE", f"{PAGE}/a-1.b_c").status_code == 204
        assert send(server, "GET", PAGE).json() == {"items": []}

    @pytest.mark.parametrize(
        ("method", "path", "status", "slug"),
        [
            ("POST", "/_ephemeral/reset?snapshot=nothing", 404, "not-found"),
            ("DELETE", f"{PAGE}/nothing", 404, "not-found"),
            ("POST", f"{PAGE}/two%20words", 422, "contract-violation"),
            ("POST", f"{PAGE}/{65 * 'x'}", 422, "contract-violation"),
            ("POST", "/_ephemeral/reset?snap=a", 422, "contract-violation"),
        ],
    )
    def test_what_is_refused(self, projects_api_server, method, path, status, slug):
        create(projects_api_server, "Stays")
        assert_problem(send(projects_api_server, method, path), status, slug)
        assert names(projects_api_server) == ["Fraud Detection v2", "Stays"]

    def test_they_take_the_owners_key(self, projects_api_server):
        for method, path in (("GET", PAGE), ("POST", f"{PAGE}/a"), ("DELETE", f"{PAGE}/a")):
            answer = send(projects_api_server, method, path, "admin")
            assert_problem(answer, 401, "unauthenticated")


class TestFiles:
    def test_a_snapshot_keeps_what_the_store_collects(self, demo):
        seeded = stored(demo)
        mine = keep(demo, b"mine")
        demo.take_snapshot("mine")
        demo.reset()
        assert stored(demo) == seeded
        demo.services.artifacts.store.delete(next(iter(seeded)))
        other = keep(demo, b"other")
        demo.reset(snapshot="mine")
        assert stored(demo) == seeded | {mine}
        assert other not in stored(demo)
        assert b"".join(demo.services.artifacts.store.read(mine)) == b"mine"

    def test_what_no_snapshot_needs_is_removed(self, demo):
        folder = demo.settings.data_dir / "snapshots"
        before = sorted(folder.iterdir())
        shared = keep(demo, b"shared")
        demo.take_snapshot("one")
        keep(demo, b"only in the second")
        demo.take_snapshot("two")
        demo.remove_snapshot("two")
        contents = [path.name for path in folder.iterdir() if path.suffix != ".db"]
        assert contents == [shared]
        demo.remove_snapshot("one")
        assert sorted(folder.iterdir()) == before
        demo.reset()
        assert faults_of(demo) == []

    def test_a_name_taken_again_is_replaced(self, demo):
        first = keep(demo, b"first")
        demo.take_snapshot("state")
        demo.reset()
        second = keep(demo, b"second")
        demo.take_snapshot("state")
        demo.reset()
        demo.reset(snapshot="state")
        assert second in stored(demo)
        assert first not in stored(demo)
        folder = demo.settings.data_dir / "snapshots"
        assert [path.name for path in folder.iterdir() if path.suffix != ".db"] == [second]


class TestBounds:
    def test_there_are_only_so_many(self, demo, monkeypatch):
        monkeypatch.setattr(snapshots, "MOST_SNAPSHOTS", 2)
        demo.take_snapshot("a")
        demo.take_snapshot("b")
        with pytest.raises(TooManySnapshots):
            demo.take_snapshot("c")
        demo.take_snapshot("b")
        demo.remove_snapshot("a")
        demo.take_snapshot("c")
        assert demo.snapshots.names() == ["b", "c"]
        with pytest.raises(NotFound):
            demo.reset(snapshot="a")

    def test_their_files_are_bounded(self, demo, monkeypatch):
        monkeypatch.setattr(snapshots, "MOST_BYTES", 10)
        keep(demo, b"12345")
        demo.take_snapshot("a")
        keep(demo, b"123456")
        with pytest.raises(TooManySnapshots):
            demo.take_snapshot("b")
        demo.remove_snapshot("a")
        demo.reset()
        keep(demo, b"123456")
        demo.take_snapshot("b")


class TestWorkers:
    @pytest.mark.parametrize("jobs", [0, 1])
    def test_they_stop_only_where_there_is_a_job(self, demo, monkeypatch, jobs):
        with demo.services.database.transaction() as connection:
            owner = user.find_id(connection, "alice@example.com")
            if jobs:
                made = project.create(connection, owner, name="Busy", description="")
                job.create(
                    connection,
                    kind="report",
                    user_id=owner,
                    project_id=made["id"],
                    entity_id=made["id"],
                    arguments={},
                    max_runtime_seconds=60,
                )
        stopped = []
        monkeypatch.setattr(demo.workers, "stop", lambda: stopped.append(1))
        demo.reset()
        assert len(stopped) == jobs

    def test_those_that_go_on_take_the_jobs_that_come_later(self, projects_api_server):
        server = projects_api_server
        body = {"project_id": server.project_id, "kind": "project"}
        for _ in range(3):
            # The job of the round before is in the midst of its work, and is stopped.
            server.reset()
            made = send(server, "POST", "/api/reports", json=body)
            assert made.status_code == 201, made.text
        path = f"/api/reports/{made.json()['report_id']}"
        wait_until(
            lambda: send(server, "GET", path).json()["report"]["status"] == "succeeded",
            "the report is there",
        )
