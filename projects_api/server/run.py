"""Running the server: uvicorn with this project's protocol, logs and limits."""

import os
import signal
import sys
import tempfile

import uvicorn

from projects_api.server.http_protocol import HttpProtocol
from projects_api.server.logs import set_up_logs
from projects_api.server.settings import Settings

APPLICATION = "projects_api.server.run:application"


def application() -> object:
    """Make the application of one server process."""
    settings = Settings()
    set_up_logs(settings.log_level, settings.log_format)
    from projects_api.server.application import create_application  # noqa: PLC0415 - after the logs

    return create_application(settings)


def run(settings: Settings, *, reload: bool = False) -> None:
    """Serve until a signal; requests that run get time to finish."""
    set_up_logs(settings.log_level, settings.log_format)
    if settings.workers > 1:
        # Set before any process imports the metrics library: their counts are added up here.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))
    # uvicorn raises the signal again after its last request; to have ended so is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    uvicorn.run(
        APPLICATION,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        reload=reload,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
