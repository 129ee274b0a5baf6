"""Methods that HTTP has and the contract does not list, on a connection that goes on."""

import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.handlers.conftest import assert_problem

LIVE = "/health/live"


@dataclass
class Told:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        assert self.headers["content-type"] == "application/problem+json"
        return document["type"].rpartition(":")[2]


class Wire:
    """A connection that knows nothing of what methods mean."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket, self.file = connection, connection.makefile("rb")

    def ask(self, line: str, *headers: str, body: bytes = b"", has_body: bool = True) -> Told:
        lines = [f"{line} HTTP/1.1", "Host: x", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + body)
        status = int(self.file.readline().split()[1])
        found = {}
        while (header := self.file.readline()) != b"\r\n":
            name, _, value = header.decode().partition(":")
            found[name.lower()] = value.strip()
        length = int(found.get("content-length", 0)) if has_body else 0
        return Told(status, found, self.file.read(length))


@contextmanager
def wire_to(url: str):
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        yield Wire(connection)


@pytest.fixture
def wire(server):
    with wire_to(server.url) as wire:
        yield wire


@pytest.mark.parametrize("path", [LIVE, "/metrics", "/docs", "/openapi.json", "/none", "/docs/"])
def test_nothing_follows_the_head_of_an_answer_to_head(wire, path):
    got = wire.ask(f"GET {path}")
    told = wire.ask(f"HEAD {path}", has_body=False)
    assert told.status == got.status
    assert told.headers["content-type"] == got.headers["content-type"] if got.body else True
    assert wire.ask(f"GET {LIVE}").body == b'{"status":"alive"}'


def test_head_of_an_export_is_not_made(wire, server):
    me = server.person()
    project_id = me.create_project()
    assert me.upload(project_id).status_code == 201
    key = f"Authorization: Bearer {me.key}"
    told = wire.ask(f"HEAD /api/projects/{project_id}/export", key, has_body=False)
    assert (told.status, told.headers["content-type"]) == (200, "application/zip")
    assert wire.ask(f"GET {LIVE}").status == 200


def test_head_asks_for_the_same_key(wire):
    assert wire.ask("HEAD /api/projects", has_body=False).status == 401


def test_options_of_the_whole_server(wire):
    told = wire.ask("OPTIONS *")
    assert (told.status, told.body) == (204, b"")
    assert {"GET", "HEAD", "POST", "OPTIONS"} <= set(told.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/openapi.yaml", LIVE])
def test_what_a_page_does_not_take(wire, path):
    told = wire.ask(f"DELETE {path}")
    assert (told.status, told.slug) == (405, "method-not-allowed")
    assert set(told.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    told = wire.ask(f"OPTIONS {path}")
    assert (told.status, told.body) == (204, b"")
    assert set(told.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", ["/api/projects", "/none", "/metrics"])
@pytest.mark.parametrize("method", ["PROPFIND", "FOO", "get", "X-Y"])
def test_a_method_that_nobody_knows(wire, method, path):
    assert wire.ask(f"GET {LIVE}").status == 200
    told = wire.ask(f"{method} {path}")
    assert (told.status, told.slug) == (501, "method-not-implemented")


def test_what_is_no_request_is_not_told_of_methods(wire):
    assert wire.ask("(x) /").slug == "malformed-request"


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "IDENTITY"])
def test_a_body_that_is_coded(server, coding):
    answer = server.person().post(
        "/api/projects", json={"name": "x"}, headers={"Content-Encoding": coding}
    )
    if coding == "IDENTITY":
        assert answer.status_code == 201
    else:
        assert_problem(answer, 415, "unsupported-media-type", "without a Content-Encoding")
        assert answer.headers["accept-encoding"] == "identity"


def test_a_target_that_cannot_be_counted(local):
    with local.serve(max_head_bytes=200_000, embedded_workers=0) as process:
        for size, status in ((65_000, 404), (65_536, 414)):
            with wire_to(process.url) as wire:
                told = wire.ask("GET /" + "a" * (size - 1))
                assert told.status == status
                assert told.slug == ("target-too-long" if status == 414 else "not-found")
