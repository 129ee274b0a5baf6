"""Health and metrics of `projects-api worker`, which answers nothing else."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from projects_api.access.rules import ProjectsRules
from projects_api.app.connections import Shares
from projects_api.app.http_protocol import options_of
from projects_api.app.scraping import MetricsPage
from projects_api.contract.problems import MEDIA_TYPE, NotFound, Problem
from projects_api.contract.routing import Page
from projects_api.database import Database
from projects_api.database.limits import Limits
from projects_api.jobs.worker import Workers
from projects_api.settings import Settings
from projects_api.storage.readiness import Readiness, SharedAnswer
from projects_api.storage.store import ArtifactStore

MAX_CONNECTIONS = 32
"""A supervisor and a few scrapers need no more."""
CONNECTIONS = 2
"""To the database: readiness and metrics each ask in a thread of their own."""


class _Pages:
    def __init__(self, workers: Workers, database: Database, store: ArtifactStore) -> None:
        self._workers = workers
        self._readiness = Readiness(database, store)
        self._asking = SharedAnswer()
        self._sampling = SharedAnswer()
        metrics_page = MetricsPage(database, self._sampling, lambda: None)
        self.routes = [
            Page("/health/live", self._live),
            Page("/health/ready", self._ready),
            Page("/metrics", metrics_page.page),
        ]

    async def _live(self, _request: Request) -> Response:
        lives = self._workers.live()
        told = {"status": "alive" if lives else "a thread that takes jobs has ended"}
        return JSONResponse(told, 200 if lives else 503)

    async def _ready(self, _request: Request) -> Response:
        missing = await self._asking.get("ready", self._readiness.missing)
        told = {"status": "ready"} if not missing else {"status": "unavailable", "missing": missing}
        return JSONResponse(told, 503 if missing else 200)

    def close(self) -> None:
        self._asking.close()
        self._sampling.close()


@contextmanager
def worker_pages(settings: Settings, workers: Workers) -> Iterator[None]:
    """Answer on the port that the settings name while a block runs; 0 answers nothing."""
    if not settings.worker_port:
        yield
        return
    limits = Limits(**settings.database_limits)
    database = Database(settings.database, connections=CONNECTIONS, limits=limits)
    pages = _Pages(workers, database, ArtifactStore(settings.artifacts))
    server = uvicorn.Server(uvicorn.Config(_application(pages), **_options(settings)))
    thread = threading.Thread(target=_serve, args=(server,), name="pages", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        pages.close()
        database.close()


def _application(pages: _Pages) -> Starlette:
    refusals: dict[Any, Any] = {Problem: _refuse, HTTPException: _refuse_path}
    application = Starlette(routes=pages.routes, exception_handlers=refusals)
    application.router.redirect_slashes = False
    return application


async def _refuse(_request: Request, problem: Problem) -> Response:
    document = problem.as_document(ProjectsRules.name, uuid.uuid4().hex)
    return JSONResponse(document, problem.status, problem.headers, MEDIA_TYPE)


async def _refuse_path(request: Request, _error: HTTPException) -> Response:
    return await _refuse(request, NotFound("Only health and metrics of a worker are here."))


def _serve(server: uvicorn.Server) -> None:
    # It says itself that its port is taken; jobs are worked on all the same.
    with suppress(SystemExit):
        server.run()


def _options(settings: Settings) -> dict[str, Any]:
    return {
        **options_of(settings, Shares(MAX_CONNECTIONS, MAX_CONNECTIONS)),
        "port": settings.worker_port,
        "lifespan": "off",
        "timeout_graceful_shutdown": 1,
    }
