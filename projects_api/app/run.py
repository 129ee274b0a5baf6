"""Running the server: uvicorn with this project's protocol, logs and limits."""

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from projects_api import tracing
from projects_api.app.connections import shares_of
from projects_api.app.http_protocol import options_of
from projects_api.files.traces import held_folder, remove_abandoned
from projects_api.jobs.ray.dispatcher import handing_over
from projects_api.jobs.worker import Workers
from projects_api.logs import set_up_logs
from projects_api.metrics import SHARED_FOLDER
from projects_api.settings import Settings

METRICS = "projects-api-metrics-"
APPLICATION = "projects_api.app.run:application"


def application() -> ASGIApp:
    """Make the application of one server process."""
    settings = Settings()
    set_up_logs(settings.log_level, settings.log_format)
    _set_up_traces(settings)
    _end_with_parent()
    return assemble(settings)


def _set_up_traces(settings: Settings) -> None:
    if settings.traces:
        tracing.set_up()


def _end_with_parent() -> None:
    """End when the process that started this one does, which may be killed without a word.

    Its children would go on to serve, without workers, and keep the port from the next start.
    """
    if (parent := multiprocessing.parent_process()) is not None:
        watch = partial(_await_end, parent.sentinel)
        threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _await_end(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def run(settings: Settings, *, reload: bool = False) -> None:
    """Serve until a signal; requests that run get time to finish."""
    options = uvicorn_options(settings)
    _set_up_traces(settings)
    with (
        _shared_metrics(settings.workers),
        Workers(settings, settings.embedded_workers),
        handing_over(settings),
    ):
        uvicorn.run(APPLICATION, factory=True, workers=settings.workers, reload=reload, **options)


@contextmanager
def _shared_metrics(processes: int) -> Iterator[None]:
    """Have what several processes count added up, in files that are gone when the block ends."""
    remove_abandoned(Path(tempfile.gettempdir()), f"{METRICS}*")
    if processes == 1:
        yield
        return
    with held_folder(Path(tempfile.gettempdir()), METRICS) as folder:
        # Set before any process imports the metrics library.
        os.environ.setdefault(SHARED_FOLDER, str(folder))
        yield


def run_workers(settings: Settings, count: int) -> None:
    """Work on jobs until a signal; then give back those that run."""
    set_up_logs(settings.log_level, settings.log_format)
    _set_up_traces(settings)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: told.set())
    # Imported here, for it needs the library of metrics.
    from projects_api.app.worker_pages import worker_pages  # noqa: PLC0415

    with Workers(settings, count) as workers, worker_pages(settings, workers):
        structlog.get_logger().info("workers_started", count=count)
        told.wait()


def assemble(settings: Settings, **more: Any) -> ASGIApp:
    """Make an application, and hide from the garbage collector what lives as long as it.

    `more` is what `create_application` takes beside the settings. The collector would go through
    all of that time and again while requests wait: 140 to 190 ms each time, on two cores of a slow
    machine.
    """
    gc.disable()
    try:
        from projects_api.app.application import create_application  # noqa: PLC0415 - after logs

        return create_application(settings, **more)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Set up logs and signals; give the options that every server of ours has."""
    set_up_logs(settings.log_level, settings.log_format)
    # uvicorn raises the signal again after its last request; to have ended so is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # A terminal that is closed ends it as gently; several processes start anew instead.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    shares = shares_of(settings.max_connections, settings.max_connections_per_address)
    return {
        **options_of(settings, shares),
        "port": settings.port,
        "lifespan": "on",
        "ssl_certfile": settings.tls_certificate,
        "ssl_keyfile": settings.tls_key,
        "timeout_keep_alive": settings.keep_alive_seconds,
        "timeout_graceful_shutdown": settings.shutdown_seconds,
    }
