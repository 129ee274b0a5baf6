"""Faults of the stock stack that must not be this server's.

Those that belong to one operation, such as JSON that is no UTF-8, are tested with the operation.
"""

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects_api.contract.checker import Checker
from projects_api.openapi import contract
from tests.handlers.conftest import assert_problem
from tests.support.processes import person_of, upload_pieces

MEBIBYTE = 1024 * 1024
METHODS = {"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"}
PATHS = {
    path: {method.upper() for method in item} & METHODS
    for path, item in contract()["paths"].items()
}
BOUNDARY = "b0undary"


class TestAllow:
    @pytest.mark.parametrize("path", PATHS)
    def test_lists_every_method_that_the_path_has(self, server, path):
        url = re.sub(r"\{\w+\}", "0195d3a0-0000-7000-8000-000000000000", path)
        taken = PATHS[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in PATHS[path] else set())
        for method in METHODS - taken - {"HEAD"}:
            answer = server.anonymous().send(method, url)
            assert_problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["allow"].split(", ")) == taken
        answer = server.anonymous().send("OPTIONS", url)
        assert (answer.status_code, answer.content) == (204, b"")
        assert set(answer.headers["allow"].split(", ")) == taken

    def test_some_path_has_several(self):
        assert any(methods >= {"GET", "PUT", "DELETE"} for methods in PATHS.values())


class TestEquivalentPaths:
    """What is escaped without need is the same (RFC 3986, 6.2.2.2); a slash is not."""

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/api/%70rojects/{}", 200),
            ("/%61pi/projects/{}", 200),
            ("/api/%70%72ojects", 200),
            ("/api/projects/{}/%6dembers", 200),
            ("/api/projects/{}%2fmembers", 404),
            ("/api%2fprojects/{}", 404),
            ("/api/%50rojects/{}", 404),
        ],
    )
    def test_is_the_same(self, server, path, status):
        person = server.person()
        project_id = person.create_project()
        for one in (project_id, f"%{ord(project_id[0]):x}{project_id[1:]}"):
            answer = person_get_raw(person, path.format(one))
            assert answer == status


def person_get_raw(person, target: str) -> int:
    """Get a target to the byte, which `requests` would write in its own way; give the status."""
    host, port = person.server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {person.key}"})
        return connection.getresponse().status
    finally:
        connection.close()


class TestChunkedBody:
    def test_a_project(self, server):
        pieces = iter([b'{"name": ', b'"In pieces"}'])
        headers = {"Content-Type": "application/json"}
        answer = server.person().post("/api/projects", data=pieces, headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.request.headers["transfer-encoding"] == "chunked"
        assert answer.json()["project"]["name"] == "In pieces"

    def test_a_file(self, server):
        person = server.person()
        pieces = [b"a,b\n", *[b"1,2\n"] * 100]
        answer = upload_pieces(person, person.create_project(), pieces)
        assert answer.status_code == 201, answer.text
        assert answer.request.headers["transfer-encoding"] == "chunked"
        found = person.get(f"/api/datasets/{answer.json()['id']}").json()["dataset"]
        assert found["rows"] == 100


class TestOfferOfHttp2:
    """What Java's HttpClient sends by default with its first request."""

    BODY = b'{"name": "From Java"}'

    @pytest.mark.parametrize(
        "framed",
        [
            b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        ],
        ids=["length", "chunked"],
    )
    def test_the_body_is_kept(self, server, framed):
        person = server.person()
        host, port = server.url.removeprefix("http://").split(":")
        request = (
            f"POST /api/projects HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
            f"Authorization: Bearer {person.key}\r\nContent-Type: application/json\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request.encode() + framed)
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 201 ")
        names = [item["name"] for item in person.get("/api/projects").json()["items"]]
        assert names == ["From Java"]


def multipart(project_id: str) -> bytes:
    parts = [
        ('name="project_id"', project_id),
        ('name="name"', "t.csv"),
        ('name="file"; filename="t.csv"', "a,b\n1,2\n"),
    ]
    body = "".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n"
        for head, text in parts
    )
    return f"{body}--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def sender(server):
    person = server.person()
    return person, person.create_project()


class TestDamagedMultipart:
    @given(data=st.data())
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_is_never_an_error_of_the_server(self, sender, data):
        person, project_id = sender
        body = multipart(project_id)
        start = data.draw(st.integers(0, len(body)), label="start")
        end = data.draw(st.integers(start, min(start + 40, len(body))), label="end")
        body = body[:start] + data.draw(st.binary(max_size=12), label="instead") + body[end:]
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        kind = data.draw(
            st.sampled_from([kind] * 5 + ["multipart/form-data; boundary=other"]), label="kind"
        )
        answer = person.post("/api/datasets/upload", data=body, headers={"Content-Type": kind})
        assert answer.status_code in {201, 400, 404, 422}, answer.text
        assert list(person.server.services.artifacts.store.spool_folder.iterdir()) == []


class TestFormats:
    @pytest.mark.parametrize(
        "text",
        [
            "0195d3a0000070008000000000000000",
            "{0195d3a0-0000-7000-8000-000000000000}",
            "urn:uuid:0195d3a0-0000-7000-8000-000000000000",
            "0195d3a0-0000-7000-8000-00000000000",
            "0195d3a0-0000-7000-8000-00000000000g",
            "0195d3a0-0000-7000-8000-00000000000\uff11",
            "0195d3a0-0000-7000-8000-000000000000\n",
            "0195d3a0_0000_7000_8000_000000000000",
        ],
    )
    def test_what_is_no_uuid(self, server, text):
        person = server.person()
        listed = person.get("/api/datasets", params={"project_id": text})
        assert_problem(listed, 422, "contract-violation", "project_id")
        path = f"/api/projects/{requests.utils.quote(text, safe='')}"
        assert_problem(person.get(path), 404, "project-not-found")

    @pytest.mark.parametrize(
        ("text", "valid"),
        [
            ("2026-02-10T09:00:00Z", True),
            ("2026-02-10T09:00:00.123456Z", True),
            ("2024-02-29T23:59:59Z", True),
            ("2026-02-29T09:00:00Z", False),
            ("2026-02-10T24:00:00Z", False),
            ("2026-02-10T09:00:00", False),
            ("2026-02-10", False),
            ("yesterday", False),
            ("", False),
        ],
    )
    def test_moments(self, text, valid):
        declared = contract()["components"]["schemas"]["Project"]["properties"]["created_at"]
        while "$ref" in declared:
            declared = contract()["components"]["schemas"][declared["$ref"].rpartition("/")[2]]
        assert declared["format"] == "date-time"
        assert Checker({"type": "string", "format": "date-time"}).accepts(text) is valid


@dataclass
class Peak:
    """Most resident memory of a process while it was watched, in bytes beyond the beginning."""

    growth: int = 0


@contextmanager
def watched(process: psutil.Process) -> Iterator[Peak]:
    peak, stop = Peak(), threading.Event()
    idle = process.memory_info().rss

    def watch() -> None:
        while not stop.wait(0.005):
            peak.growth = max(peak.growth, process.memory_info().rss - idle)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


class TestMemory:
    def test_a_body_of_200_megabytes(self, local):
        """A file goes to the disk as it arrives, and to its readers in pieces."""
        piece = b"1234567,some text,8.25\n" * (MEBIBYTE // 23)
        with local.serve() as process:
            me = person_of(process)
            project_id = me.create_project()
            assert me.upload(project_id).status_code == 201  # what is loaded once is not the body's
            assert me.get(f"/api/projects/{project_id}/export").ok
            with watched(process.ps) as upload:
                answer = upload_pieces(me, project_id, [b"a,b,c\n", *[piece] * 200])
                assert answer.status_code == 201, answer.text
            with watched(process.ps) as download:
                received = 0
                path = f"/api/projects/{project_id}/export"
                for chunk in me.get(path, stream=True).iter_content(MEBIBYTE):
                    received += len(chunk)
        assert received > MEBIBYTE
        assert upload.growth < 100 * MEBIBYTE
        assert download.growth < 100 * MEBIBYTE


class TestDocumentationPage:
    def test_it_is_a_current_one_and_loads_from_this_server(self, server):
        anybody = server.anonymous()
        page = anybody.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(sources) > 2
        for source in sources:
            assert "//" not in source
            found = anybody.get(requests.compat.urljoin("/docs", source))
            assert found.status_code == 200, source
        bundle = anybody.get("/docs/swagger-ui-bundle.js").text
        (version,) = set(re.findall(r'PACKAGE_VERSION:"(\d+)\.\d+\.\d+"', bundle))
        assert int(version) >= 5
