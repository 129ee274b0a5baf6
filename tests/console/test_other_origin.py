"""The page about other origins: its example calls the API from a page that is not the server's."""

import os
import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from playwright.sync_api import expect

from projects_api.app.application import _REQUEST_HEADERS, _RESPONSE_HEADERS, _methods
from projects_api.ephemeral.faults import HEADER
from tests.pages.blocks import blocks
from tests.pages.markdown import text_of

PAGE = "docs/browsers.md"
PATIENCE = 60


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.fixture
def page_port(tmp_path):
    """Serve what the page about browsers shows; give the port."""
    (example,) = [block for block in blocks(PAGE) if block.file == "page.html"]
    (tmp_path / "page.html").write_text(example.text)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def api(page_port):
    """Start a server for tests that takes calls of `localhost`; give its variables."""
    command = [sys.executable, "-m", "projects_api", "serve", "--ephemeral", "--seed", "demo"]
    with subprocess.Popen(
        [*command, "--port", "0", "--print-env", "--stop-with-stdin"],
        env={**os.environ, "PROJECTS_API_CORS_ORIGINS": f"http://localhost:{page_port}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        printed = ""
        for line in process.stdout:
            printed += line
            if "API_KEY=" in line:
                break
        yield dict(re.findall(r"^(?:export )?(\w+)=(\S+?);?$", printed, re.MULTILINE))
        process.stdin.close()


def names_on(api: dict[str, str]) -> list[str]:
    key = {"Authorization": f"Bearer {api['API_KEY']}"}
    url = f"{api['BASE_URL']}/api/projects?limit=100"
    return [one["name"] for one in requests.get(url, headers=key, timeout=PATIENCE).json()["items"]]


def create(page, api, name: str, fault: str = "") -> None:
    fields = {"Server": api["BASE_URL"], "API key": api["API_KEY"], "New project": name}
    for label, value in {**fields, "Fault": fault}.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Create").click()


def test_a_page_of_a_named_origin_creates_and_lists(browser, api, page_port):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://localhost:{page_port}/page.html")
        create(page, api, "From elsewhere")
        expect(page.get_by_role("status")).to_have_text("Created From elsewhere.")
        expect(page.get_by_role("listitem")).to_have_text(names_on(api))
        assert "From elsewhere" in names_on(api)
        # What is refused can be read, and the header with which a fault is asked for may be sent.
        create(page, api, "Not made", fault="503")
        expect(page.get_by_role("status")).to_contain_text("Again in 5 seconds.")
        create(page, {**api, "API_KEY": "pak_wrong"}, "Not made")
        expect(page.get_by_role("status")).to_contain_text("key")
        assert "Not made" not in names_on(api)


def test_a_page_of_another_origin_is_told_nothing(browser, api, page_port):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{page_port}/page.html")
        create(page, api, "From a stranger")
        expect(page.get_by_role("status")).to_have_text("Failed to fetch")
        assert "From a stranger" not in names_on(api)


def test_the_page_names_what_is_allowed():
    rows = [line.split(" | ") for line in text_of(PAGE).splitlines() if line.startswith("| ")]
    (_, methods, sent, read, _) = (re.findall(r"`([^`]+)`", row[1]) for row in rows)
    assert sorted(methods) == sorted(_methods())
    assert sorted(sent) == sorted([*_REQUEST_HEADERS, HEADER])
    assert sorted(read) == sorted(_RESPONSE_HEADERS)
