"""What /metrics tells of jobs, pools, upkeep and answers, compared with what is the case."""

import json
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml
from sqlalchemy import func, select, text, update

from projects_api.app.scraping import SAMPLE_SECONDS, MetricsPage, dead_processes
from projects_api.database import Database
from projects_api.models.job import jobs
from projects_api.settings import Settings
from projects_api.storage.readiness import SharedAnswer
from tests.conftest import running
from tests.support.metrics import samples, scrape
from tests.support.processes import COMMAND, free_port, person_of, wait_until

ROOT = Path(__file__).parents[2]
SERIES = re.compile(r"\bprojects_api_[a-z_]+")
LARGE = b"a\n" + b"".join(b"%d" % n + b"x" * 1000 + b"\n" for n in range(40_000))
"""More than the system keeps for a caller who does not read."""


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Read the table of docs/metrics.md: type and labels of each series."""
    rows = re.findall(
        r"^\| `(projects_api_\w+)` \| (\w+) \| ([^|]*)\|",
        (ROOT / "docs/metrics.md").read_text(),
        re.MULTILINE,
    )
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


class TestPage:
    """Code, page, dashboard and alerts tell of the same series."""

    def test_the_documented_series_are_those_of_the_code(self, local):
        with local.serve(maintenance_seconds=0.1) as process:
            person_of(process).get("/api/projects")
            page = requests.get(f"{process.url}/metrics", timeout=60).text
        told = {}
        for line in re.findall(r"^# TYPE (projects_api_\w+) (\w+)$", page, re.MULTILINE):
            name, kind = line
            if not name.endswith("_created"):
                told[name] = "info" if name == "projects_api_build_info" else kind
        assert told == {name: kind for name, (kind, _) in documented().items()}

    def test_the_documented_labels_are_those_of_the_code(self):
        from projects_api.metrics import metrics  # noqa: PLC0415 - where the library may be

        made = metrics()
        for field in made.__slots__:
            series = getattr(made, field)
            name = series._name + ("_total" if series._type == "counter" else "")
            assert documented()[name][1] == set(series._labelnames), name

    @pytest.mark.parametrize("file", ["grafana.json", "alerts.yaml"])
    def test_what_is_asked_for_is_told(self, file):
        """No expression names a series, or a label of one, that is not documented."""
        known = documented()
        for expression in expressions(file):
            for name, labels in re.findall(r"(projects_api_\w+)(?:\{([^}]*)\})?", expression):
                series = name if name in known else re.sub("_(bucket|sum|count)$", "", name)
                assert series in known, expression
                used = set(re.findall(r"(\w+)\s*[=!]~?\s*\"", labels)) - {"job", "instance"}
                assert used <= known[series][1], expression
            grouped = re.findall(r"by \(([\w, ]+)\)", expression)
            for label in {one.strip() for group in grouped for one in group.split(",")}:
                labels = {label for _, labels in known.values() for label in labels}
                assert label in labels | {"le", "job", "instance"}, expression

    def test_the_dashboard_shows_all(self):
        shown = {name for one in expressions("grafana.json") for name in SERIES.findall(one)}
        shown = {re.sub("_bucket$", "", name) for name in shown}
        assert shown == set(documented())


def expressions(file: str) -> list[str]:
    content = (ROOT / "deploy" / file).read_text()
    if file == "alerts.yaml":
        (group,) = yaml.safe_load(content)["groups"]
        return [rule["expr"] for rule in group["rules"]]
    panels = json.loads(content)["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(found) > 15
    return found


class TestJobs:
    def test_those_that_have_not_ended(self, work):
        taken, *_ = [work.add("succeed") for _ in range(3)]
        with work.server.services.database.transaction() as connection:
            # It has waited longest of all, and waits no more.
            begun = {"status": "running", "created_at": "2026-01-01T00:00:00Z"}
            connection.execute(update(jobs).where(jobs.c.id == taken).values(begun))
            queued = select(func.min(jobs.c.created_at)).where(jobs.c.status == "queued")
            oldest = datetime.fromisoformat(connection.scalar(queued))
        time.sleep(SAMPLE_SECONDS)  # as long as a sample is kept
        least = (datetime.now(UTC) - oldest).total_seconds()
        found = scrape(work.server.url)
        assert found["projects_api_database_up",] == 1
        assert found["projects_api_jobs", "test", "queued"] == 2
        assert found["projects_api_jobs", "test", "running"] == 1
        waited = found["projects_api_jobs_oldest_waiting_seconds",]
        assert least <= waited <= (datetime.now(UTC) - oldest).total_seconds()

    def test_by_kind_and_end(self, work):
        before = scrape(work.server.url)
        for do in ("succeed", "succeed", "fail"):
            work.run(do)
        after = scrape(work.server.url)

        def moved(*name):
            return after.get(name, 0) - before.get(name, 0)

        assert moved("projects_api_jobs_ended_total", "test", "succeeded") == 2
        assert moved("projects_api_jobs_ended_total", "test", "failed") == 1
        assert moved("projects_api_job_seconds_count", "test") == 3
        assert moved("projects_api_job_seconds_sum", "test") > 0


class TestDatabaseAway:
    def test_says_so_and_goes_on(self, tmp_path):
        settings = Settings(_env_file=None, data_dir=tmp_path)
        with running(settings) as server:
            with server.services.database.transaction() as connection:
                connection.execute(text("ALTER TABLE jobs RENAME TO elsewhere"))
            found = scrape(server.url)
        assert found["projects_api_database_up",] == 0
        assert not [name for name in found if name[0].startswith("projects_api_jobs_oldest")]

    def test_one_that_is_silent_is_waited_for_briefly(self, tmp_path):
        silence = threading.Event()

        class Silent(Database):
            @contextmanager
            def transaction(self, *, writing=True):
                silence.wait(60)
                yield None

        database, asking = Silent(f"sqlite:///{tmp_path / 'x.db'}"), SharedAnswer()
        page = MetricsPage(database, asking, lambda: None)
        from starlette.applications import Starlette  # noqa: PLC0415
        from starlette.routing import Route  # noqa: PLC0415
        from starlette.testclient import TestClient  # noqa: PLC0415

        with TestClient(Starlette(routes=[Route("/metrics", page.page)])) as client:
            began = time.monotonic()
            found = samples(client.get("/metrics").text)
            assert time.monotonic() - began < 20
            silence.set()
        asking.close()
        assert found["projects_api_database_up",] == 0


class TestUpkeep:
    def test_runs_by_how_they_ended_and_what_they_removed(self, local):
        database = local.services.database
        with local.serve(maintenance_seconds=0.1, embedded_workers=0) as process:
            me = person_of(process)

            def runs(outcome):
                return scrape(process.url).get(
                    ("projects_api_maintenance_runs_total", outcome), 0.0
                )

            wait_until(lambda: runs("succeeded") > 0, "maintenance runs")
            since = scrape(process.url)["projects_api_maintenance_last_success_timestamp_seconds",]
            assert abs(time.time() - since) < 60
            made = me.upload(me.create_project()).json()["id"]
            before = scrape(process.url)["projects_api_contents_collected_total",]
            assert me.delete(f"/api/datasets/{made}").status_code == 200
            name = ("projects_api_contents_collected_total",)
            wait_until(lambda: scrape(process.url)[name] == before + 1, "it is collected")
            with database.transaction() as connection:
                connection.execute(text("ALTER TABLE stored_answers RENAME TO elsewhere"))
            wait_until(lambda: runs("failed") > 0, "maintenance fails")


class TestBrokenOff:
    def broken(self, process, by):
        name = ("projects_api_answers_broken_off_total", by, "download_dataset")
        return scrape(process.url).get(name, 0.0)

    @pytest.fixture
    def process(self, local):
        with local.serve(embedded_workers=0) as process:
            yield process

    @pytest.fixture
    def path(self, process):
        me = person_of(process)
        return f"/api/datasets/{me.upload(me.create_project(), LARGE).json()['id']}/download"

    def test_a_whole_answer_is_none(self, process, path):
        assert person_of(process).get(path).content == LARGE
        assert self.broken(process, "caller") == self.broken(process, "server") == 0
        assert process.lines("request")[-2]["broken_off_by"] is None

    def test_by_the_server(self, process, path):
        (file,) = (process.server.settings.data_dir / "artifacts/sha256").rglob("*" * 1 + "?" * 60)
        file.chmod(0o600)
        file.write_bytes(LARGE[:-2] + b"y\n")
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            person_of(process).get(path)
        wait_until(lambda: self.broken(process, "server") == 1, "it is counted")
        assert self.broken(process, "caller") == 0

    def test_by_the_caller(self, process, path):
        head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {person_of(process).key}"
        with socket.create_connection(("127.0.0.1", process.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(head.encode() + b"\r\n\r\n")
            assert b"200" in connection.recv(100)
        wait_until(lambda: self.broken(process, "caller") == 1, "it is counted")
        assert self.broken(process, "server") == 0
        (line,) = [one for one in process.lines("request") if one["path"] == path]
        assert (line["status"], line["broken_off_by"]) == (200, "caller")


class TestDeadProcesses:
    def test_what_they_held_counts_no_longer(self, local):
        head = b"POST /api/datasets/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
        body = b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 9999\r\n\r\n--x"
        with local.serve("--workers", "2", embedded_workers=0) as process:
            key = person_of(process).key.encode()
            with socket.create_connection(("127.0.0.1", process.port)) as connection:
                connection.sendall(head + key + b"\r\n" + body)
                name = ("projects_api_requests_running",)
                wait_until(lambda: scrape(process.url).get(name) == 2, "an upload is under way")
                children = [
                    child
                    for child in process.ps.children()
                    if any("spawn_main" in word for word in child.cmdline())
                ]
                for child in children:
                    child.kill()
            wait_until(process.has_started, "new ones have started")
            wait_until(lambda: scrape(process.url).get(name) == 1, "only the question itself runs")

    def test_are_those_of_whom_nobody_lives(self, tmp_path):
        ended = subprocess.Popen(["true"])
        ended.wait()
        for number in (1, ended.pid, threading.get_native_id()):
            (tmp_path / f"gauge_livesum_{number}.db").touch()
            (tmp_path / f"counter_{number}.db").touch()
        assert dead_processes(tmp_path) == {ended.pid}


class TestWorker:
    def test_tells_of_itself_where_it_is_asked_to(self, local):
        local.run("db", "upgrade")
        port = free_port()
        popen = subprocess.Popen(
            [COMMAND, "worker", "--concurrency", "2", "--port", str(port)],
            cwd=local.folder,
            env=local.environment,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"

        def status(path):
            try:
                return requests.get(f"{url}{path}", timeout=30).status_code
            except requests.ConnectionError:
                return None

        try:
            wait_until(lambda: status("/health/live") == 200, "it answers")
            assert status("/health/ready") == 200
            assert status("/api/projects") == 404
            self.check_refusals(url)
            found = scrape(url)
            assert found["projects_api_workers",] == 3  # and one for short jobs
            assert found["projects_api_database_up",] == 1
            assert found["projects_api_jobs", "train", "queued"] == 0
            self.check_bound(port)
            (local.folder / "data/artifacts").rename(local.folder / "data/elsewhere")
            assert status("/health/ready") == 503
            assert status("/health/live") == 200
        finally:
            popen.terminate()
            assert popen.wait(30) == 0

    def check_refusals(self, url):
        for method, path, expected in (
            ("GET", "/none", 404),
            ("GET", "/metrics/", 404),
            ("POST", "/metrics", 405),
            ("FOO", "/health/live", 501),
        ):
            answer = requests.request(method, f"{url}{path}", timeout=30)
            assert answer.status_code == expected, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"]

    def check_bound(self, port):
        """More connections than a supervisor and scrapers need are refused."""
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
        try:
            with socket.create_connection(("127.0.0.1", port)) as late:
                late.settimeout(30)
                assert b" 503 " in late.recv(100)
        finally:
            for connection in held:
                connection.close()

    def test_opens_no_port_by_default(self, local):
        assert Settings(_env_file=None).worker_port == 0
