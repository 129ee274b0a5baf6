"""The documents that anybody may read: the contract and the page that explains it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import anyio
import httpx
import pytest
import requests
from starlette.applications import Starlette

from projects_api.app.pages import documentation
from projects_api.app.pages.documentation import documentation_routes
from projects_api.contract.problems import MethodNotAllowed
from projects_api.openapi import contract

YAML = b"openapi: 3.0.3\ninfo: {title: Small, version: '1'}\npaths: {}\n"
CONTRACT = {
    "openapi": "3.0.3",
    "info": {"title": "Small", "version": "1"},
    "servers": [{"url": "http://localhost:8888", "x-internal": True}],
    "paths": {},
}
DOCUMENTS = {
    "/openapi.yaml": "application/yaml",
    "/openapi.json": "application/json",
    "/docs": "text/html; charset=utf-8",
    "/docs/initializer.js": "text/javascript",
    "/docs/page.css": "text/css",
    "/docs/samples.json": "application/json",
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/swagger-ui.css": "text/css",
    "/docs/favicon-32x32.png": "image/png",
}
FOLDER = Path(documentation.__file__).parents[1] / "docs_ui"


def call(
    method: str, path: str, *, at: str = "http://server", public_url=None, **headers: str
) -> httpx.Response:
    app = Starlette(routes=documentation_routes(YAML, CONTRACT, public_url))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=at) as client:
            return await client.request(method, path, headers=headers)

    return anyio.run(send)


class References(HTMLParser):
    """What a page loads, and whether it carries script or style itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        for name, value in attrs:
            if name in {"src", "href"}:
                self.loaded.append(value)
            assert not name.startswith("on")
            assert name != "style"

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in {"script", "style"}:
            self.inline += data


class TestDocuments:
    @pytest.mark.parametrize(("path", "media_type"), DOCUMENTS.items())
    def test_media_type_and_revalidation(self, path, media_type):
        first = call("GET", path)
        assert first.status_code == 200
        assert first.headers["content-type"] == media_type
        assert first.headers["cache-control"] == "public, no-cache"
        plain = call("GET", path, **{"accept-encoding": "identity"})
        assert int(plain.headers["content-length"]) == len(plain.content) > 0
        assert plain.content == first.content
        tag = first.headers["etag"]
        again = call("GET", path, **{"if-none-match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-length" not in again.headers
        assert call("GET", path, **{"if-none-match": '"other"'}).status_code == 200

    @pytest.mark.parametrize("path", ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
    def test_what_is_large_is_packed_for_who_takes_it_so(self, path):
        packed = call("GET", path, **{"accept-encoding": "gzip"})
        plain = call("GET", path, **{"accept-encoding": "gzip;q=0"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) < len(plain.content) / 3
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert packed.headers["etag"] != plain.headers["etag"]

    def test_tags_differ(self):
        assert len({call("GET", path).headers["etag"] for path in DOCUMENTS}) == len(DOCUMENTS)

    def test_contract_is_given_to_the_byte(self):
        assert call("GET", "/openapi.yaml").content == YAML

    def test_contract_is_json_but_for_its_servers(self):
        served = call("GET", "/openapi.json").json()
        assert list(served) == list(CONTRACT)
        assert served == {**CONTRACT, "servers": served["servers"]}

    @pytest.mark.parametrize("path", DOCUMENTS)
    def test_head_tells_what_get_gives(self, path):
        assert call("HEAD", path).headers == call("GET", path).headers

    @pytest.mark.parametrize("path", DOCUMENTS)
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
    def test_no_other_method(self, method, path):
        with pytest.raises(MethodNotAllowed) as caught:
            call(method, path)
        assert caught.value.headers == {"Allow": "GET, HEAD, OPTIONS"}

    @pytest.mark.parametrize("path", DOCUMENTS)
    def test_options_tell_the_methods(self, path):
        answer = call("OPTIONS", path)
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")

    @pytest.mark.parametrize(
        "path",
        ["/docs/LICENSE", "/docs/index.html", "/docs/%2e%2e/documentation.py", "/docs/a/b"],
    )
    def test_nothing_else_in_the_folder_is_served(self, path):
        assert call("GET", path).status_code == 404


class TestServers:
    """The served contract says how the one who reads it reaches the server."""

    def url(self, **options) -> str:
        answer = call("GET", "/openapi.json", **options)
        (server,) = answer.json()["servers"]
        again = call("GET", "/openapi.json", **{**options, "if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        return server["url"]

    @pytest.mark.parametrize(
        "at",
        [
            "http://localhost:9000",
            "http://127.0.0.1:43211",
            "https://[::1]:8443",
            "http://LocalHost",
        ],
    )
    def test_of_this_machine_as_it_was_asked(self, at):
        assert self.url(at=at, host=at.partition("//")[2]) == at

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "localhost.evil.example",
            "localhost:8888@evil.example",
            "localhost:8888/../evil",
            "127.0.0.1.evil.example",
            "localhost:",
            "",
        ],
    )
    def test_another_host_is_never_repeated(self, host):
        assert self.url(host=host) == "/"

    def test_nor_is_what_a_proxy_may_say(self):
        headers = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
        assert self.url(**headers) == "/"

    def test_of_the_public_url_whoever_asks(self):
        public = "https://projects.example/prefix/"
        assert self.url(public_url=public, host="localhost:8888") == public.rstrip("/")
        assert self.url(public_url=public, host="evil.example") == public.rstrip("/")

    def test_of_a_running_server(self, server):
        served = requests.get(f"{server.url}/openapi.json", timeout=60).json()
        assert served == {**contract(), "servers": [{"url": server.url}]}


class TestPage:
    def test_loads_only_what_this_server_serves(self):
        references = References(call("GET", "/docs").text)
        assert references.inline.strip() == ""
        assert {f"/{one}" for one in references.loaded} == {
            path for path in DOCUMENTS if path.startswith("/docs/") and path != "/docs/samples.json"
        }

    def test_contract_is_found_beside_the_page(self):
        initializer = call("GET", "/docs/initializer.js").text
        (address,) = re.findall(r'\burl: "([^"]+)"', initializer)
        assert str(httpx.URL("http://server/prefix/docs").join(address)).endswith(
            "/prefix/openapi.json"
        )
        assert json.loads(call("GET", f"/{address}").content)["openapi"] == "3.0.3"

    def test_policy_allows_no_script_from_elsewhere(self):
        policy = dict(
            directive.strip().split(" ", 1)
            for directive in call("GET", "/docs").headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not [one for one in policy.values() if "http" in one or "unsafe" in one]


class TestPackagedFiles:
    def test_no_source_map_and_the_licences_are_there(self):
        names = {path.name for path in FOLDER.iterdir()}
        assert not [name for name in names if name.endswith(".map")]
        assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} <= names
        for name in names & {"swagger-ui-bundle.js", "swagger-ui.css"}:
            assert b"sourceMappingURL=" not in (FOLDER / name).read_bytes()[-200:]

    def test_version_is_the_one_that_the_tool_pins(self):
        tool = Path(documentation.__file__).parents[3] / "tools" / "update_docs_ui.py"
        (version,) = re.findall(r'^VERSION = "([0-9.]+)"$', tool.read_text(), re.MULTILINE)
        assert version.encode() in (FOLDER / "swagger-ui-bundle.js").read_bytes()
