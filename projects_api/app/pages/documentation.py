"""The contract and its documentation page, as documents that anybody may read."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from projects_api.agents.llms import llms_text
from projects_api.app.pages.samples import code_samples
from projects_api.app.pages.served import ServedFile
from projects_api.contract.routing import Page

_USER_INTERFACE = Path(__file__).parents[1] / "docs_ui"
_ASSETS = {
    "favicon-32x32.png": "image/png",
    "initializer.js": "text/javascript",
    "page.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
# The UI draws its icons from `data:` addresses; it needs no inline script and no inline style.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class _ServedContract:
    """An ASGI application of the contract, with the `servers` by which its reader reaches it.

    A caller's `Host` is repeated only where it names the caller's own machine: repeated at will, it
    would let one caller tell others, through a shared cache, to send their keys elsewhere. Without
    a public URL everybody else gets a server relative to the document, which is as true.
    """

    def __init__(self, contract: Mapping[str, Any], public_url: str | None) -> None:
        self._contract = contract
        self._public_url = public_url
        self._document = lru_cache(maxsize=16)(self._write)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._document(self._url(scope))(scope, receive, send)

    def _url(self, scope: Scope) -> str:
        if self._public_url:
            return self._public_url.rstrip("/")
        host = Headers(scope=scope).get("host", "")
        return f"{scope['scheme']}://{host}" if _LOOPBACK.fullmatch(host) else "/"

    def _write(self, url: str) -> ServedFile:
        served = {**self._contract, "servers": [{"url": url}]}
        return ServedFile(orjson.dumps(served), "application/json")


def documentation_routes(
    contract_yaml: bytes,
    contract: Mapping[str, Any],
    public_url: str | None = None,
    *,
    has_mcp: bool = False,
) -> list[Page]:
    """Return the routes of the contract, of the page that explains it and of the page's assets.

    As YAML the contract is given to the byte, as JSON with the server's own address.
    """
    page = llms_text(contract, (public_url or "").rstrip("/"), has_mcp=has_mcp)
    documents: dict[str, ServedFile | _ServedContract] = {
        "/llms.txt": ServedFile(page.encode(), "text/plain; charset=utf-8"),
        "/openapi.yaml": ServedFile(contract_yaml, "application/yaml"),
        "/openapi.json": _ServedContract(contract, public_url),
        "/docs/samples.json": ServedFile(orjson.dumps(code_samples(contract)), "application/json"),
        "/docs": ServedFile(
            (_USER_INTERFACE / "index.html").read_bytes(),
            "text/html; charset=utf-8",
            policy=_PAGE_POLICY,
        ),
    }
    for name, media_type in _ASSETS.items():
        documents[f"/docs/{name}"] = ServedFile((_USER_INTERFACE / name).read_bytes(), media_type)
    pages = [Page(path, document, methods=["GET"]) for path, document in documents.items()]
    # Relative, for a proxy may have put a path before this one.
    return [*pages, Page("/docs/", RedirectResponse("../docs"), methods=["GET"])]
