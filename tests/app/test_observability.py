"""What an operator sees of a request, and what no log and no answer may show."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from projects_api.settings import Settings
from tests.conftest import Person, running
from tests.handlers.conftest import assert_problem
from tests.support.processes import person_of, wait_until

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
EVERYWHERE = {
    "/api/projects": 401,
    f"/api/projects/{UNKNOWN}": 401,
    "/health/live": 200,
    "/health/ready": 200,
    "/none": 404,
    "/metrics": 200,
    "/docs": 200,
    "/openapi.json": 200,
    "/openapi.yaml": 200,
}


@pytest.fixture
def private(tmp_path):
    """Start a server with settings of its own."""

    def start(**fields):
        return running(Settings(_env_file=None, data_dir=tmp_path, **fields))

    return start


class TestRequestId:
    @pytest.mark.parametrize("path", EVERYWHERE)
    def test_every_answer_has_one_of_its_own(self, server, path):
        answers = [server.anonymous().get(path) for _ in range(2)]
        ids = {answer.headers["x-request-id"] for answer in answers}
        assert [answer.status_code for answer in answers] == [EVERYWHERE[path]] * 2
        assert len(ids) == 2
        assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)

    @pytest.mark.parametrize("sent", ["a", "Job-7_of.9", "x" * 64])
    def test_a_callers_is_kept(self, server, sent):
        answer = server.anonymous().get("/none", headers={"X-Request-Id": sent})
        assert answer.headers["x-request-id"] == sent
        assert assert_problem(answer, 404, "not-found")["request_id"] == sent

    @pytest.mark.parametrize(
        "sent", ["", "x" * 65, "a b", "a,b", 'a"b', "<b>", "a;b", "ü", "%0a", "a/b", "a\tb"]
    )
    def test_a_hostile_one_is_replaced(self, server, sent):
        headers = {"X-Request-Id": sent.encode("latin-1")}
        answer = server.anonymous().get("/none", headers=headers)
        given = assert_problem(answer, 404, "not-found")["request_id"]
        assert re.fullmatch("[0-9a-f]{32}", given)


class TestLog:
    def test_a_line_says_who_did_what_and_no_secret(self, local):
        with local.serve() as process:
            me = person_of(process)
            found = me.get("/api/projects?search=s3cr3t-query", headers={"X-Request-Id": "the-one"})
            assert found.status_code == 200
            me.get("/api/projects/s3gment%0A%22%1B[31m", headers={"X-Request-Id": "the-other"})
            me.post("/api/projects", json={"name": "s3cr3t-body"})
            anonymous = Person(process.server, "", "", "pak_wrong_k3y")
            assert anonymous.get("/api/projects").status_code == 401
        text = process.log.read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert {"event", "level", "timestamp"} <= set.intersection(*map(set, lines))
        requested = {line["request_id"]: line for line in lines if line["event"] == "request"}
        line = requested["the-one"]
        assert line.pop("timestamp").endswith("Z")
        assert line.pop("milliseconds") > 0
        assert re.fullmatch("[0-9a-f-]{36}", line.pop("user_id"))
        assert line == {
            "event": "request",
            "level": "info",
            "method": "GET",
            "path": "/api/projects",
            "status": 200,
            "bytes": len(found.content),
            "broken_off_by": None,
            "request_id": "the-one",
            "operation": "list_projects",
            "client": "127.0.0.1",
        }
        assert requested["the-other"]["status"] == 404
        for secret in (me.key, me.key.split("_", 2)[2], "s3cr3t", "k3y", "Bearer"):
            assert secret not in text
        assert [line["user_id"] for line in requested.values() if line["status"] == 401] == [None]

    def test_a_level_above_leaves_requests_out(self, local):
        with local.serve(log_level="warning") as process:
            requests.get(f"{process.url}/none", timeout=60)
        assert process.log.read_text() == ""

    def test_for_people(self, local):
        with local.serve(log_format="console", log_level="warning") as process:
            requests.get(f"{process.url}/none", timeout=60)
        assert process.log.read_text() == ""
        with local.serve(log_format="console") as process:
            requests.get(f"{process.url}/none", timeout=60)
        assert "path=/none" in re.sub(r"\x1b\[[0-9;]*m", "", process.log.read_text())


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Read metrics by their name and the values of their labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestMetrics:
    def test_counters_move(self, server):
        def scrape() -> dict[tuple[str, ...], float]:
            answer = server.anonymous().get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain")
            return samples(answer.text)

        before, person = scrape(), server.person()
        for _ in range(3):
            person.get("/api/projects", params={"search": "x"})
        person.get(f"/api/projects/{UNKNOWN}")
        person.get("/none")
        after = scrape()

        def moved(*name: str) -> float:
            return after[name] - before.get(name, 0)

        total, seconds = "projects_api_requests_total", "projects_api_request_seconds"
        assert moved(total, "list_projects", "200") == 3
        assert moved(total, "get_project", "404") == 1
        assert moved(f"{seconds}_count", "list_projects") == 3
        assert moved(f"{seconds}_sum", "list_projects") > 0
        assert after["projects_api_requests_running",] >= 1
        labels = {value for name in after for value in name[1:]}
        assert not [label for label in labels if UNKNOWN in label or person.key in label]

    def test_processes_are_added_up(self, local):
        local.variables["TMPDIR"] = str(local.folder)
        with local.serve("--workers", "2") as process:
            assert len(list(local.folder.glob("projects-api-metrics-*"))) == 1
            me = person_of(process)
            headers = {"Authorization": f"Bearer {me.key}"}
            workers = [child for child in process.ps.children() if is_worker(child.cmdline())]
            assert len(workers) == 2
            (folder,) = local.folder.glob("projects-api-metrics-*")
            asked = 0
            # Whoever is free takes a connection: ask until both have answered.
            while not all(counted_by(worker.pid, folder) for worker in workers):
                asked += 1
                assert asked < 10_000
                url = f"{process.url}/api/projects"
                assert requests.get(url, headers=headers, timeout=60).ok
            found = samples(requests.get(f"{process.url}/metrics", timeout=60).text)
            assert found["projects_api_requests_total", "list_projects", "200"] == asked
            assert found["projects_api_requests_running",] == 1
        assert list(local.folder.glob("projects-api-metrics-*")) == []

    def test_one_process_needs_no_files(self, local):
        local.variables["TMPDIR"] = str(local.folder)
        with local.serve() as process:
            assert requests.get(f"{process.url}/metrics", timeout=60).ok
            assert list(local.folder.glob("projects-api-metrics-*")) == []


def counted_by(pid: int, folder: Path) -> float:
    """Read from a process's own file how many lists of projects it has answered."""
    file = folder / f"counter_{pid}.db"
    if not file.exists():
        return 0
    values = MmapedDict.read_all_values_from_file(str(file))
    return sum(
        value for key, value, *_ in values if '"list_projects"' in key and "requests_total" in key
    )


def is_worker(words: list[str]) -> bool:
    return any("spawn_main" in word for word in words)


class TestSecurityHeaders:
    @pytest.mark.parametrize("path", EVERYWHERE)
    def test_on_every_answer(self, server, path):
        headers = server.anonymous().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "cache-control" in headers
        assert "strict-transport-security" not in headers
        assert not {"server", "x-powered-by"} & {name.lower() for name in headers}

    def test_what_belongs_to_somebody_is_not_shared(self, server):
        assert server.person().get("/api/projects").headers["cache-control"] == "private, no-cache"

    def test_over_tls(self, local):
        certificate, key = make_certificate(local.folder)
        process = local.start(tls_certificate=certificate, tls_key=key, shutdown_seconds=300)
        with requests.Session() as session:
            wait_until(lambda: "Uvicorn running" in process.log.read_text(), "the server starts")
            url = f"https://127.0.0.1:{process.port}/health/live"
            answer = session.get(url, verify=certificate, timeout=60)
            assert answer.status_code == 200
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert "BASE_URL=https://localhost:" in process.output.read_text()
            # A connection at rest keeps nobody waiting.
            assert process.stop() == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine that is valid for an hour, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=5))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


class TestCors:
    PAGE = "https://app.example.com"

    def preflight(self, server, origin: str) -> requests.Response:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization, content-type, if-match",
        }
        return server.anonymous().send("OPTIONS", f"/api/projects/{UNKNOWN}", headers=headers)

    def test_none_by_default(self, server):
        answer = self.preflight(server, self.PAGE)
        assert answer.status_code == 204
        for headers in (
            answer.headers,
            server.person().get("/api/projects", headers={"Origin": self.PAGE}).headers,
        ):
            assert not [name for name in headers if name.lower().startswith("access-control")]

    def test_by_setting(self, private):
        with private(cors_origins=[self.PAGE]) as server:
            allowed = self.preflight(server, self.PAGE)
            assert allowed.status_code == 200
            assert allowed.headers["access-control-allow-origin"] == self.PAGE
            assert "PUT" in allowed.headers["access-control-allow-methods"]
            assert "x-request-id" in allowed.headers
            assert "access-control-allow-credentials" not in allowed.headers
            strange = self.preflight(server, "https://evil.example.com")
            assert_problem(strange, 400, "cross-origin-refused", "origin")
            assert "access-control-allow-origin" not in strange.headers
            person = server.person()
            for method, path, status in (
                ("GET", "/api/projects", 200),
                ("GET", f"/api/projects/{UNKNOWN}", 404),
                ("PATCH", "/api/projects", 405),
            ):
                # Pages must be able to read problems too.
                answer = person.send(method, path, headers={"Origin": self.PAGE})
                assert answer.status_code == status
                assert answer.headers["access-control-allow-origin"] == self.PAGE
                assert "ETag" in answer.headers["access-control-expose-headers"]


class TestRateLimit:
    def test_what_is_left_is_told(self, private):
        with private(rate_limit="3/minute") as server:
            person, told = server.person(), []
            for _ in range(4):
                answer = person.get("/api/projects")
                assert answer.headers["ratelimit-policy"] == '"key";q=3;w=60'
                left, seconds = re.fullmatch(
                    r'"key";r=(\d+);t=(\d+)', answer.headers["ratelimit"]
                ).groups()
                assert 1 <= int(seconds) <= 60
                told.append((answer.status_code, int(left)))
            assert told == [(200, 2), (200, 1), (200, 0), (429, 0)]
            assert answer.headers["retry-after"] == seconds
            assert "ratelimit" not in server.anonymous().get("/api/projects").headers

    def test_counts_each_key(self, private, problem_of_limit):
        with private(rate_limit="4/minute") as server:
            busy, calm = server.person(), server.person()
            project_id = busy.create_project()
            headers = {"Idempotency-Key": "once"}
            made = busy.post("/api/projects", json={"name": "x"}, headers=headers)
            assert made.status_code == 201
            assert busy.upload(project_id).status_code == 201
            assert busy.get("/api/projects").status_code == 200
            for refused in (
                busy.get("/api/projects"),
                busy.get(f"/api/projects/{project_id}/export"),
                busy.upload(project_id),
                busy.delete(f"/api/projects/{project_id}"),
                busy.post("/api/projects", json={"name": "y"}, headers={"Idempotency-Key": "k"}),
            ):
                problem_of_limit(refused)
            assert calm.get("/api/projects").status_code == 200
            another = Person(server, "", "", server.key(busy.user_id))
            assert another.get("/api/projects").json()["total"] == 2
            assert server.anonymous().get("/health/live").status_code == 200

    def test_the_window_moves_on(self, private, problem_of_limit):
        with private(rate_limit="1/second") as server:
            person = server.person()
            while (refused := person.get("/api/projects")).status_code == 200:
                pass
            problem_of_limit(refused)
            time.sleep(int(refused.headers["retry-after"]))
            assert person.get("/api/projects").status_code == 200

    @pytest.fixture
    def problem_of_limit(self):
        def check(answer):
            assert_problem(answer, 429, "rate-limited")
            assert 1 <= int(answer.headers["retry-after"]) <= 60

        return check
