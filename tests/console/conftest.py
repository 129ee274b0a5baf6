"""A browser, and people who sit before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tools import node_tools

CHROMIUM = Path("/usr/bin/chromium")
QUIETLY = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
Look = dict[str, Any]
LOOKS: dict[str, Look] = {
    "light": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


class Visitor:
    """Somebody with a browser of their own, which notes what it complains of."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page, self.base_url = page, base_url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))

    def _note(self, kind: str, text: str) -> None:
        # An answer that is no success is shown on the page, and is no fault of the page.
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.complaints.append(text)

    def sign_in(self, key: str) -> None:
        """Paste a key at the door."""
        self.page.goto(f"{self.base_url}/")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def visit(self, place: str) -> None:
        """Go to a page by its address and wait until nothing of it is missing."""
        self.page.goto(f"{self.base_url}/#{place}")
        expect(self.page.locator("main")).to_have_attribute("data-place", place)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has all that it asked for."""
        self.page.locator("main > h1").wait_for()
        expect(self.page.locator(".wait")).to_have_count(0, timeout=60_000)

    def fits_a_telephone(self) -> bool:
        """Say whether nothing of the page but tables goes sideways on a narrow window."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": 360, "height": 740})
        width = self.page.evaluate("document.documentElement.scrollWidth")
        self.page.set_viewport_size(before)
        return width <= 360

    def violations(self) -> list[str]:
        """Say what axe finds against the page, as it is now."""
        if not self.page.evaluate("Boolean(window.axe)"):
            axe = node_tools.FOLDER / "node_modules/axe-core/axe.min.js"
            self.page.evaluate(axe.read_text())
        found = self.page.evaluate("axe.run()")["violations"]
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start one browser for all pages."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: install Debian's package chromium")
    if reason := node_tools.reason_to_skip():
        pytest.skip(reason)
    node_tools.install()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def opened(browser, projects_api_session_server) -> Callable[..., Any]:
    """Give a context manager that opens a browser for somebody of a role."""

    @contextmanager
    def opened(role: str = "", look: str = "light", **options: Any) -> Iterator[Visitor]:
        with browser.new_context(**LOOKS[look], **options) as context:
            visitor = Visitor(context.new_page(), projects_api_session_server.base_url)
            if role:
                visitor.sign_in(projects_api_session_server.keys[role])
            yield visitor
            assert visitor.complaints == []

    return opened


@pytest.fixture
def owner(opened) -> Iterator[Visitor]:
    """Sit the owner of the seed's project before a browser."""
    with opened("owner") as visitor:
        yield visitor


@pytest.fixture
def send(projects_api_session_server):
    """Give what sends a request of the owner, beside the browser."""

    def send(method: str, path: str, **options) -> requests.Response:
        return requests.request(
            method,
            f"{projects_api_session_server.base_url}/api{path}",
            headers=projects_api_session_server.headers() | options.pop("headers", {}),
            timeout=60,
            **options,
        )

    return send


@pytest.fixture
def sit(browser, server):
    """Give what sits somebody before a browser, at a place of the module's own server."""
    visitors = []

    def sit(person, place: str) -> Visitor:
        context = browser.new_context(**LOOKS["light"])
        visitor = Visitor(context.new_page(), server.url)
        visitors.append((context, visitor))
        visitor.sign_in(person.key)
        visitor.visit(place)
        return visitor

    yield sit
    for context, visitor in visitors:
        assert visitor.complaints == []
        context.close()
