"""Compressed answers: to whom, of what, and that what comes out of them is the same."""

import gzip
import http.client
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers

from projects_api.app.compression import LEAST_BYTES, accepts_gzip
from projects_api.settings import Settings
from tests.conftest import running


def fetch(server, person, path: str, accept: str | None, method: str = "GET"):
    """Send a request without a client that decodes by itself."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {"Authorization": f"Bearer {person.key}"}
    if accept is not None:
        headers["Accept-Encoding"] = accept
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@contextmanager
def with_projects(folder, **fields):
    """Start a server, with a person who has twenty-four projects."""
    with running(Settings(_env_file=None, data_dir=folder, **fields)) as server:
        person = server.person()
        for number in range(24):
            body = {"name": f"Project {number}", "description": "What is asked. " * 20}
            assert person.post("/api/projects", json=body).status_code == 201
        yield server, person


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    with with_projects(tmp_path_factory.mktemp("compression"), compression=1) as found:
        yield found


def test_a_long_list_is_the_same_and_smaller(projects):
    path = "/api/projects?limit=50"
    plain, expected = fetch(*projects, path, None)
    answer, body = fetch(*projects, path, "br, gzip")
    assert len(expected) >= LEAST_BYTES
    assert plain.headers["Content-Encoding"] is None
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(body) < len(expected) / 4
    assert gzip.decompress(body) == expected
    # A cache must not give one caller's coding to another one.
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_its_head_is_the_same(projects):
    path = "/api/projects?limit=50"
    whole, _ = fetch(*projects, path, "gzip")
    head, body = fetch(*projects, path, "gzip", method="HEAD")
    assert body == b""
    for name in ("Content-Encoding", "Vary", "Content-Type"):
        assert head.headers[name] == whole.headers[name]
    # It may be left out, but must not be that of another coding.
    assert head.headers["Content-Length"] in {None, whole.headers["Content-Length"]}


def test_what_is_small_or_tagged_or_no_json_passes_as_it_is(projects):
    server, person = projects
    (project,) = person.get("/api/projects?limit=1").json()["items"]
    for path in ("/api/projects?limit=1", f"/api/projects/{project['id']}", "/health/live"):
        answer, _ = fetch(server, person, path, "gzip")
        assert answer.status == 200
        assert answer.headers["Content-Encoding"] is None


def test_none_by_default(tmp_path):
    with with_projects(tmp_path) as found:
        answer, body = fetch(*found, "/api/projects?limit=50", "gzip")
        assert len(body) >= LEAST_BYTES
        assert answer.headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.000", False),
        ("gzip;q=many", False),
        ("br, deflate", False),
        ("", False),
    ],
)
def test_who_asks_is_read_as_http_has_it(value, accepted):
    assert accepts_gzip(Headers({"accept-encoding": value})) is accepted
