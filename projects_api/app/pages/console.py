"""The console: a page for browsers, which is a client of the contract like any other."""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.app.pages.served import ServedFile
from projects_api.contract.problems import NotFound
from projects_api.contract.routing import Page

_FOLDER = Path(__file__).parents[1] / "console_ui"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# Reports are shown and files saved from memory, by `blob:` addresses.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def console_routes(issuer: str | None = None, client_id: str | None = None) -> list[Page]:
    """Return the routes of the console's page at `/` and of what it loads.

    With `client_id` people sign in at `issuer`, which the page may then ask, and no other.
    """
    files = [path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _MEDIA_TYPES]
    assets = {
        f"/console/{path.relative_to(_FOLDER).as_posix()}": _asset(path.read_bytes(), path.suffix)
        for path in files
        if path.suffix != ".html"
    }
    pages = [Page(path, asset, methods=["GET"]) for path, asset in assets.items()]
    front, policy = (_FOLDER / "index.html").read_text(), _POLICY
    if issuer and client_id:
        front = front.replace("</head>", f"{_metas(issuer, client_id)}</head>")
        policy = policy.replace("connect-src 'self'", f"connect-src 'self' {_origin(issuer)}")
    page = _ForBrowsers(_asset(front.encode(), ".html", policy))
    return [Page("/", page, methods=["GET"]), *pages]


def _metas(issuer: str, client_id: str) -> str:
    told = {"oidc-issuer": issuer, "oidc-client-id": client_id}
    lines = [f'<meta name="{name}" content="{escape(value)}">' for name, value in told.items()]
    return "".join(f"  {line}\n  " for line in lines)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _ForBrowsers:
    """Gives a page to who asks for HTML; to anybody else nothing is here."""

    def __init__(self, page: ServedFile) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _wants_html(scope):
            raise NotFound
        await self._page(scope, receive, send)


class BrowserErrorsMiddleware:
    """Shows to browsers, as a page with a way back, what is a problem outside of /api."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._page = (_FOLDER / "error.html").read_text()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; where it was a person's, replace the body of a problem."""
        if scope["type"] != "http" or not _is_of_a_person(scope):
            await self.app(scope, receive, send)
            return
        replaces = False
        # Relative, for a proxy may have put a path before this one.
        root = "../" * (scope["path"].count("/") - 1) or "./"
        page = self._page.replace("ROOT/", root).encode()

        async def show(message: Message) -> None:
            nonlocal replaces
            if message["type"] == "http.response.start":
                replaces = _is_a_problem(message)
                message = _head(message, len(page)) if replaces else message
            elif replaces:
                last = not message.get("more_body", False)
                body = page if last and scope["method"] != "HEAD" else b""
                message = {**message, "body": body}
            await send(message)

        await self.app(scope, receive, show)


def _head(message: Message, length: int) -> Message:
    dropped = {b"content-type", b"content-length", b"content-security-policy"}
    headers = [pair for pair in message["headers"] if pair[0].lower() not in dropped]
    headers += [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(length).encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"vary", b"Accept"),
    ]
    return {**message, "headers": headers}


def _is_of_a_person(scope: Scope) -> bool:
    path: str = scope["path"]
    served = path.startswith(("/api/", "/health/", "/_ephemeral/")) or path == "/metrics"
    return not served and scope["method"] in {"GET", "HEAD"} and _wants_html(scope)


def _is_a_problem(message: Message) -> bool:
    headers = Headers(raw=message.get("headers", []))
    kind = headers.get("content-type", "")
    return message["status"] == NotFound.status and kind.startswith("application/problem+json")


def _wants_html(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _asset(content: bytes, suffix: str, policy: str = _POLICY) -> ServedFile:
    vary = "Accept, Accept-Encoding"
    return ServedFile(content, _MEDIA_TYPES[suffix], policy=policy, vary=vary)
