"""Served files: what never changes while the server runs, packed, too, for who takes it so."""

import gzip
from hashlib import sha256

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from projects_api.app.compression import accepts_gzip
from projects_api.contract.conditional import matches

_PACKED = ("text/", "application/json", "application/yaml", "image/svg+xml")
_UNPACKED_BELOW = 256
"""Bytes below which packing saves nothing."""


class ServedFile:
    """An ASGI application of one file."""

    def __init__(
        self,
        content: bytes,
        media_type: str,
        *,
        policy: str | None = None,
        vary: str = "Accept-Encoding",
    ) -> None:
        """Take what is served; `policy` is what browsers let the page do (CSP)."""
        self._can_be_packed = len(content) > _UNPACKED_BELOW and media_type.startswith(_PACKED)
        self._content = content
        self._packed = b""  # packed when somebody first takes it so: not at each start
        digest = sha256(content).hexdigest()[:32]
        self._headers = {
            "content-type": media_type,
            # The names stay the same from release to release: keep, but ask each time.
            "cache-control": "public, no-cache",
        }
        if self._can_be_packed:
            self._headers["vary"] = vary
        if policy:
            self._headers["content-security-policy"] = policy
        self._tags = {False: f'"{digest}"', True: f'"{digest}-gzip"'}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or say that it is the one that is known already."""
        asked = Headers(scope=scope)
        packs = self._can_be_packed and accepts_gzip(asked)
        headers = self._headers | {"etag": self._tags[packs]}
        if matches(asked.get("if-none-match", ""), headers["etag"], weak=True):
            response = Response(status_code=304, headers=headers)
        elif packs:
            packed = self._packed = self._packed or await to_thread.run_sync(
                gzip.compress, self._content
            )
            response = Response(packed, headers=headers | {"content-encoding": "gzip"})
        else:
            response = Response(self._content, headers=headers)
        await response(scope, receive, send)
