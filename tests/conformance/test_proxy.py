"""The proxy as both ends have it: everything passes as it is, whatever is judged of it."""

import gzip
import http.client
import json
import signal
import socket
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from projects_api.conformance.exchange import MOST_BODY_BYTES
from tests.conformance.conftest import OPERATIONS, checking, serving
from tests.conformance.plants import KEY, documented_answer
from tests.support.processes import PATIENCE, free_port, wait_until

MEBIBYTE = 1024 * 1024
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


class Recorder:
    """An upstream that remembers what came, and answers what it is told."""

    def __init__(self, status=200, headers=(), pieces=(b"{}",)):
        self.status, self.headers, self.pieces = status, list(headers), list(pieces)
        self.scope = None
        self.size = 0

    async def __call__(self, scope, receive, send):
        self.scope, more = scope, True
        while more:
            message = await receive()
            self.size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def received(self) -> list[tuple[bytes, bytes]]:
        return self.scope["headers"]


def documented(operation: str, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    answer = documented_answer(operation)
    pairs = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    return [*pairs, *more]


def test_a_project_from_its_beginning_to_its_end(server, tmp_path):
    """Nothing is found between a client that keeps to the contract and this very server."""
    alice, bob = server.person("Alice"), server.person("Bob")
    with checking(tmp_path, server.url, "--har", "all.har", name=signal.SIGINT) as checked:
        alice.server = replace(server, url=checked.url)
        project_id = alice.create_project("Étude № 1")
        url = f"/api/projects/{project_id}"
        found = alice.get(url)
        assert alice.get(url, headers={"If-None-Match": found.headers["ETag"]}).status_code == 304
        etag = {"If-Match": found.headers["ETag"]}
        assert alice.put(url, json={"name": "B"}, headers=etag).status_code == 200
        assert alice.put(url, json={"name": "C"}, headers=etag).status_code == 412
        assert alice.share(project_id, bob, "editor").status_code == 201
        uploaded = alice.upload(project_id)
        assert uploaded.status_code == 201
        dataset_id = uploaded.json()["dataset_id"]
        table = alice.get(f"/api/datasets/{dataset_id}/download")
        assert table.content == b"a,b\n1,2\n3,4\n"
        part = alice.get(f"/api/datasets/{dataset_id}/download", headers={"Range": "bytes=0-2"})
        assert (part.status_code, part.content) == (206, b"a,b")
        assert alice.send("HEAD", f"/api/datasets/{dataset_id}/download").status_code == 200
        assert alice.get(f"{url}/timeline?limit=1").json()["total"] == 1
        assert alice.get(f"{url}/export").content[:2] == b"PK"
        assert alice.delete(f"{url}/members/{bob.user_id}").status_code == 200
        assert alice.delete(url).status_code == 200
        assert alice.get(url).status_code == 404
        assert alice.get("/health/live").status_code == 200
    assert checked.lines == [f"16 exchanges, 11 of {OPERATIONS} operations, 0 violations"]
    assert checked.status == 0
    assert alice.key not in (tmp_path / "all.har").read_text()


def test_heads_pass_as_they_are_but_for_what_is_of_one_connection(tmp_path):
    upstream = Recorder(
        headers=documented("list_projects", (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")),
        pieces=[documented_answer("list_projects").content()],
    )
    with serving(upstream) as url, checking(tmp_path, url) as checked:
        connection = http.client.HTTPConnection(urlsplit(checked.url).netloc, timeout=PATIENCE)
        connection.putrequest("GET", "/api/projects?search=%2F%C3%A4", skip_accept_encoding=True)
        sent = [
            *AUTHORIZATION.items(),
            ("X-Name", "Müller".encode()),
            ("Connection", "x-mine"),
            ("X-Mine", "1"),
            ("TE", "trailers"),
        ]
        for name, value in sent:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.read() == documented_answer("list_projects").content()
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    received = dict(upstream.received())
    assert upstream.scope["raw_path"] == b"/api/projects"
    assert upstream.scope["query_string"] == b"search=%2F%C3%A4"
    assert received.pop(b"host") == urlsplit(url).netloc.encode()
    assert received == {
        b"authorization": f"Bearer {KEY}".encode(),
        b"x-name": "Müller".encode(),
    }


def test_bodies_of_any_size_stream_through(tmp_path):
    count = 96
    upstream = Recorder(
        headers=[(b"content-type", b"application/json"), (b"x-request-id", b"1234567890")],
        pieces=[bytes(MEBIBYTE)] * count,
    )

    def pieces():
        for _ in range(count):
            yield bytes(MEBIBYTE)

    with serving(upstream) as url, checking(tmp_path, url, "--har", "a.har") as checked:
        process = psutil.Process(checked.process.pid)
        before = process.memory_info().rss
        answer = requests.post(
            f"{checked.url}/api/projects",
            data=pieces(),
            headers={**AUTHORIZATION, "Content-Type": "application/json"},
            stream=True,
            timeout=PATIENCE,
        )
        size = sum(len(piece) for piece in answer.iter_content(MEBIBYTE))
        grown = process.memory_info().rss - before
    assert (size, upstream.size) == (count * MEBIBYTE, count * MEBIBYTE)
    assert dict(upstream.received())[b"transfer-encoding"] == b"chunked"
    assert grown < 64 * MEBIBYTE
    entry = json.loads((tmp_path / "a.har").read_text())["log"]["entries"][0]
    assert entry["response"]["bodySize"] == count * MEBIBYTE
    assert f"not judged: the body of the request has more than {MOST_BODY_BYTES} bytes (1)" in (
        checked.lines
    )


def test_a_compressed_answer_passes_compressed_and_is_judged(tmp_path):
    packed = gzip.compress(b'{"items": 1}')
    upstream = Recorder(
        headers=documented("list_projects", (b"content-encoding", b"gzip")), pieces=[packed]
    )
    with serving(upstream) as url, checking(tmp_path, url) as checked:
        answer = requests.get(
            f"{checked.url}/api/projects", headers=AUTHORIZATION, stream=True, timeout=PATIENCE
        )
        assert answer.raw.read(decode_content=False) == packed
    *lines, _ = checked.lines
    assert any("response body /items: " in line for line in lines)


def test_redirects_and_cookies_are_the_clients(tmp_path):
    location = (b"location", b"/api/projects?offset=1")
    upstream = Recorder(302, [location, (b"set-cookie", b"session=of-alice; Path=/")])
    with serving(upstream) as url, checking(tmp_path, url) as checked:
        for _ in range(2):
            answer = requests.get(
                f"{checked.url}/api/projects",
                headers=AUTHORIZATION,
                allow_redirects=False,
                timeout=PATIENCE,
            )
            assert answer.status_code == 302
            assert answer.headers["Location"] == "/api/projects?offset=1"
            assert upstream.scope["query_string"] == b""
            # What one client was given must not be sent for another one.
            assert b"cookie" not in dict(upstream.received())


class TestWithoutAnAnswer:
    def test_nobody_is_there(self, tmp_path):
        with checking(tmp_path, f"http://127.0.0.1:{free_port()}") as checked:
            answer = requests.get(
                f"{checked.url}/api/projects", headers=AUTHORIZATION, timeout=PATIENCE
            )
        assert answer.status_code == 502
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:projects-api:problem:bad-gateway"
        (line, _) = checked.lines
        wanted = "list_projects: response connection: the server could not be reached"
        assert line.endswith(wanted)
        assert checked.status == 1

    def test_it_is_silent(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with checking(tmp_path, url, "--silence", "0.2") as checked:
                answer = requests.get(
                    f"{checked.url}/api/projects", headers=AUTHORIZATION, timeout=PATIENCE
                )
        assert answer.status_code == 504
        assert "did not answer in time" in checked.lines[0]

    def test_its_answer_breaks_off(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer_half() -> None:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                connection.close()

            thread = threading.Thread(target=answer_half, daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with checking(tmp_path, url) as checked:
                with pytest.raises(requests.RequestException):
                    requests.get(
                        f"{checked.url}/api/projects", headers=AUTHORIZATION, timeout=PATIENCE
                    )
                wait_until(lambda: not thread.is_alive(), "the half is sent")
        assert "response connection: the server ended its answer early" in checked.lines[0]

    def test_the_client_leaves(self, tmp_path):
        upstream = Recorder()
        with serving(upstream) as url, checking(tmp_path, url) as checked:
            address = urlsplit(checked.url)
            with socket.create_connection((address.hostname, address.port)) as client:
                client.sendall(
                    b"POST /api/projects HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
                )
                wait_until(lambda: upstream.scope is not None, "the head arrives")
            answer = requests.get(f"{checked.url}/health/live", timeout=PATIENCE)
            assert answer.status_code == 200
        assert checked.lines[-1].startswith("1 exchanges")
