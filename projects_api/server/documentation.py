"""The contract and its documentation page, as documents that anybody may read."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from projects_api.server.conditional import matches
from projects_api.server.problems import MethodNotAllowed

_USER_INTERFACE = Path(__file__).parent / "docs_ui"
_ASSETS = {
    "favicon-32x32.png": "image/png",
    "initializer.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
# The UI draws its icons from `data:` addresses; it needs no inline script and no inline style.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class _Document:
    """An ASGI application of one text that never changes while the server runs."""

    content: bytes
    headers: dict[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed("This path takes GET.", headers={"Allow": "GET, HEAD"})
        condition = Headers(scope=scope).get("if-none-match", "")
        if matches(condition, self.headers["etag"], weak=True):
            response = Response(status_code=304, headers=self.headers)
        else:
            response = Response(self.content, headers=self.headers)
        await response(scope, receive, send)


def documentation_routes(contract_yaml: bytes, contract_json: bytes) -> list[Route | Mount]:
    """Give the routes of the contract, of the page that explains it and of the page's assets.

    A method other than GET and HEAD raises `MethodNotAllowed`.
    """
    documents = {
        "/openapi.yaml": _document(contract_yaml, "application/yaml"),
        "/openapi.json": _document(contract_json, "application/json"),
        "/docs": _document(
            (_USER_INTERFACE / "index.html").read_bytes(), "text/html; charset=utf-8", _PAGE_POLICY
        ),
    }
    for name, media_type in _ASSETS.items():
        documents[f"/docs/{name}"] = _document((_USER_INTERFACE / name).read_bytes(), media_type)
    return [Route(path, document) for path, document in documents.items()]


def _document(content: bytes, media_type: str, policy: str | None = None) -> _Document:
    headers = {
        "content-type": media_type,
        "etag": f'"{sha256(content).hexdigest()[:32]}"',
        # The names stay the same from release to release: keep, but ask each time.
        "cache-control": "public, no-cache",
    }
    if policy:
        headers["content-security-policy"] = policy
    return _Document(content, headers)
