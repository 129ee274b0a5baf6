"""Running an ephemeral server, which tells where it listens."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from socket import socket

import uvicorn

from projects_api.app.run import assemble, uvicorn_options
from projects_api.ephemeral.faults import HEADER
from projects_api.ephemeral.server import EphemeralServer
from projects_api.settings import Settings


def run_ephemeral(server: EphemeralServer, on_start: Callable[[str], None]) -> None:
    """Serve until a signal; tell the base URL once requests are answered."""
    options = uvicorn_options(server.settings)
    application = assemble(
        server.settings,
        layers=[server.layer],
        outer_layers=server.outer_layers,
        routes=server.routes,
        request_headers=[HEADER],
    )
    config = uvicorn.Config(application, **options)
    serving = _AnnouncedServer(config, server.settings, on_start)
    try:
        with suppress(KeyboardInterrupt), server.workers:
            serving.run()
    finally:
        # Nothing more may interrupt it: what follows removes the data.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not serving.started:
        sys.exit(1)


class _AnnouncedServer(uvicorn.Server):
    """A server that tells where it listens, which only the system knows for port 0."""

    def __init__(
        self, config: uvicorn.Config, settings: Settings, on_start: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._on_start = on_start

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            address, port = self.servers[0].sockets[0].getsockname()[:2]
            url = self._settings.model_copy(update={"port": port}).base_url
            # By number: the other family may have another server on this port.
            loopback = "[::1]" if ":" in address else "127.0.0.1"
            self._on_start(url.replace("//localhost:", f"//{loopback}:"))
