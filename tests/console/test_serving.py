"""How the console is served: to browsers, packed, by strict rules, and nothing of it from afar."""

import gzip
import re
from pathlib import Path

import pytest
import requests

from projects_api.app.pages import console
from tools import make_console

FOLDER = Path(console.__file__).parents[1] / "console_ui"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FIRST_PAGE_BYTES = 150_000


@pytest.fixture
def get(projects_api_session_server):
    def get(path: str, method: str = "GET", **headers: str) -> requests.Response:
        url = f"{projects_api_session_server.base_url}{path}"
        return requests.request(method, url, headers=headers, timeout=60)

    return get


def scripts() -> list[Path]:
    return [path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts]


class TestFrontDoor:
    def test_browsers_get_a_page_and_programs_a_problem(self, get):
        page = get("/", **BROWSER)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text == (FOLDER / "index.html").read_text()
        for accept in ("application/json", "*/*"):
            refused = get("/", Accept=accept)
            assert refused.status_code == 404
            assert refused.headers["content-type"] == "application/problem+json"
        assert "Accept" in page.headers["vary"]
        assert get("/", "POST", **BROWSER).status_code == 405

    @pytest.mark.parametrize(
        ("path", "root"), [("/a", "./"), ("/a/b/c", "../../"), ("/docs/x", "../")]
    )
    def test_nothing_is_here_and_back(self, get, path, root):
        page = get(path, **BROWSER)
        assert page.status_code == 404
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert len(page.content) == int(page.headers["content-length"])
        links = set(re.findall(r'(?:href|src)="([^"]+)"', page.text))
        assert links == {root, f"{root}docs", f"{root}console/icon.svg", f"{root}console/style.css"}
        assert get(path, "HEAD", **BROWSER).headers["content-length"] == str(len(page.content))
        assert get(path).headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("path", ["/api/projects/x", "/api/nothing", "/health/nothing"])
    def test_programs_paths_stay_problems(self, get, path):
        answer = get(path, **BROWSER)
        assert answer.headers["content-type"] == "application/problem+json"


class TestAssets:
    def test_are_packed_and_asked_for_once(self, get):
        for path in (path for path in FOLDER.rglob("*") if path.suffix in {".js", ".css", ".svg"}):
            url = f"/console/{path.relative_to(FOLDER).as_posix()}"
            plain = get(url, **{"Accept-Encoding": "identity"})
            packed = get(url, **{"Accept-Encoding": "gzip"})
            assert plain.content == packed.content == path.read_bytes()
            assert "content-encoding" not in plain.headers
            assert plain.headers["etag"] != packed.headers["etag"] or path.stat().st_size <= 256
            again = get(
                url, **{"If-None-Match": plain.headers["etag"], "Accept-Encoding": "identity"}
            )
            assert (again.status_code, again.content) == (304, b"")

    def test_the_first_page_is_small(self):
        loaded = [
            path for path in FOLDER.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}
        ]
        assert sum(len(gzip.compress(path.read_bytes())) for path in loaded) < FIRST_PAGE_BYTES

    def test_only_what_browsers_load_is_served(self, get):
        for name in ("tsconfig.json", "vendor/preact.d.ts", "index.html", "../console.py"):
            assert get(f"/console/{name}").status_code == 404
        assert get("/console/vendor/LICENSE.preact.txt").status_code == 200

    def test_policy_allows_nothing_inline_and_nothing_from_afar(self, get):
        policy = get("/", **BROWSER).headers["content-security-policy"]
        rules = dict(one.strip().split(" ", 1) for one in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"
        for name in ("index.html", "error.html"):
            text = (FOLDER / name).read_text()
            assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=|https?:", text)


class TestModules:
    def test_are_short(self):
        assert not [path for path in scripts() if len(path.read_text().splitlines()) > 300]

    def test_call_through_one_door(self):
        """Only `api.js` asks the server, so only by names and fields that the contract has."""
        callers = [
            path.name
            for path in scripts()
            if re.search(r"\bfetch\(|XMLHttpRequest|/api/", path.read_text())
        ]
        # `oidc.js` asks the issuer of tokens, and nobody else.
        assert sorted(callers) == ["api.js", "oidc.js", "operations.js"]
        oidc = (FOLDER / "oidc.js").read_text()
        assert oidc.count("fetch(") == 1
        assert "/api/" not in oidc

    def test_every_module_is_imported(self):
        texts = "".join(path.read_text() for path in [*scripts(), FOLDER / "index.html"])
        assert not [path for path in scripts() if f"/{path.name}" not in texts]

    def test_use_every_operation(self):
        """What the contract offers to people, the console does."""
        text = "".join(path.read_text() for path in scripts() if path.name != "operations.js")
        names = re.findall(r"^  (\w+): \{", (FOLDER / "operations.js").read_text(), re.MULTILINE)
        assert len(names) > 50
        unused = {name for name in names if f'"{name}"' not in text}
        assert unused == {"explain_experiment", "get_key", "get_any_key"}

    def test_are_as_written(self, capsys, monkeypatch, tmp_path):
        assert make_console.main(["--check"]) == 0
        monkeypatch.setattr(make_console, "CONSOLE", tmp_path)
        assert make_console.main(["--check"]) == 1
        assert "operations.js" in capsys.readouterr().err
        assert make_console.main([]) == 0
        assert make_console.main(["--check"]) == 0
