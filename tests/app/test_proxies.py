"""Behind proxies: who the caller is, by what scheme it came, and where it is sent."""

import asyncio
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urljoin

import pytest
import requests

from projects_api.app.proxies import ProxiesMiddleware
from projects_api.settings import Settings
from tests.conftest import running
from tests.support.processes import wait_until

TRUSTED = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]


def seen(peer: str, headers: list[tuple[str, str]]) -> tuple[str, str]:
    """Give the client and the scheme of a request as an application sees it."""
    found = {}

    async def application(scope, _receive, _send):
        found.update(scope)

    scope = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 5000),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(ProxiesMiddleware(application, trusted=TRUSTED)(scope, None, None))
    return found["client"][0], found["scheme"]


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("10.0.0.1", [], ("10.0.0.1", "http")),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.7")], ("198.51.100.7", "http")),
        (
            "10.0.0.1",
            [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "https")],
            ("198.51.100.7", "https"),
        ),
        # What the caller wrote stands before what the proxies saw.
        ("10.0.0.1", [("X-Forwarded-For", "1.2.3.4, 198.51.100.7")], ("198.51.100.7", "http")),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.7, 10.9.9.9")], ("198.51.100.7", "http")),
        (
            "10.0.0.1",
            [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "10.9.9.9")],
            ("198.51.100.7", "http"),
        ),
        ("10.0.0.1", [("X-Forwarded-For", "nonsense")], ("10.0.0.1", "http")),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.7:4711")], ("198.51.100.7", "http")),
        ("10.0.0.1", [("X-Forwarded-Proto", "javascript")], ("10.0.0.1", "http")),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "198.51.100.7")], ("198.51.100.7", "http")),
        ("10.0.0.1", [("X-Forwarded-For", "1.2.3.4, ::ffff:10.0.0.9")], ("1.2.3.4", "http")),
        # Whoever is not trusted is not believed.
        ("203.0.113.9", [("X-Forwarded-For", "198.51.100.7")], ("203.0.113.9", "http")),
        ("203.0.113.9", [("Forwarded", "for=198.51.100.7;proto=https")], ("203.0.113.9", "http")),
        ("192.0.2.1", [("Forwarded", "for=198.51.100.7;proto=https")], ("198.51.100.7", "https")),
        (
            "192.0.2.1",
            [("Forwarded", 'for=1.2.3.4;proto=http, For="198.51.100.7:80"; Proto=HTTPS;by=_x')],
            ("198.51.100.7", "https"),
        ),
        (
            "2001:db8::5",
            [
                ("Forwarded", 'for="[2001:4860::1]:4711";proto=https'),
                ("X-Forwarded-For", "1.2.3.4"),
            ],
            ("2001:4860::1", "https"),
        ),
        ("192.0.2.1", [("Forwarded", "for=unknown;proto=https")], ("192.0.2.1", "https")),
        ("192.0.2.1", [("Forwarded", 'for="198.51.100.7, for=1.2.3.4')], ("192.0.2.1", "http")),
    ],
)
def test_who_calls(peer, headers, expected):
    assert seen(peer, headers) == expected


@pytest.mark.parametrize(("trusted", "scheme"), [("", "http"), ("::1,127.0.0.0/8", "https")])
def test_only_where_it_is_set(local, trusted, scheme):
    with local.serve(embedded_workers=0, trusted_proxies=trusted) as process:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
        served = requests.get(f"{process.url}/openapi.json", headers=headers, timeout=60).json()
        assert served["servers"][0]["url"].startswith(f"{scheme}://")

        def clients():
            lines = process.lines("request")
            return [one["client"] for one in lines if one["path"] == "/openapi.json"]

        wait_until(clients, "the request is in the log")
        assert clients() == ["198.51.100.7" if trusted else "127.0.0.1"]


@pytest.mark.parametrize("url", [None, "https://api.example.org", "https://api.example.org/ml/"])
def test_a_location_leads_below_the_prefix(tmp_path, url):
    outside = (url or "http://x").rstrip("/")
    with running(Settings(_env_file=None, data_dir=tmp_path, public_url=url)) as server:
        me = server.person()
        headers = {"Idempotency-Key": "once"}
        for _ in range(2):
            made = me.post("/api/projects", json={"name": "x"}, headers=headers)
            path = f"/api/projects/{made.json()['project_id']}"
            found = urljoin(f"{outside}/api/projects", made.headers["location"])
            assert found == f"{outside}{path}"
        assert me.get(f"{path}/audit").json()["items"][0]["resource_id"] == path[-36:]
        docs = server.anonymous().get("/docs/", allow_redirects=False)
        assert urljoin(f"{outside}/docs/", docs.headers["location"]) == f"{outside}/docs"


def test_a_connection_rests_as_long_as_it_is_set(local):
    with (
        local.serve(embedded_workers=0, keep_alive_seconds=1) as process,
        closing(HTTPConnection("127.0.0.1", process.port, timeout=30)) as connection,
    ):
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        began = time.monotonic()
        assert connection.sock.recv(1) == b"", "the server closes it"
        # By default it would be five seconds; that it is not at once is seen, too.
        assert time.monotonic() - began > 0.5


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "proxy.example.org", "10.0.0.1,"])
def test_what_is_no_proxy(monkeypatch, wrong):
    monkeypatch.setenv("PROJECTS_API_TRUSTED_PROXIES", wrong)
    with pytest.raises(ValueError, match="TRUSTED_PROXIES has addresses"):
        Settings(_env_file=None)
