"""An ephemeral server: the real one, on a database and a store that live as long as it does.

It is for tests. It begins with known people, keys and content, and can be set back to that at any
time (`snapshots`); it fails on request (`faults`); its clock and ids can be made repeatable
(`repeatable`); it tells what came (`journal`).
"""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import IO, Any, Self

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from projects_api.app.services import Services
from projects_api.contract.routing import Page
from projects_api.contract.rules import OPERATION
from projects_api.ephemeral.coverage import Coverage
from projects_api.ephemeral.fault_rules import FaultRules
from projects_api.ephemeral.faults import CutMiddleware, Fault, FaultsMiddleware
from projects_api.ephemeral.journal import Exchange, Journal, JournalMiddleware
from projects_api.ephemeral.new_database import make_schema
from projects_api.ephemeral.pages import (
    CoveragePage,
    FaultsPages,
    JournalPage,
    NewState,
    SnapshotsPages,
    guarded,
    parse,
)
from projects_api.ephemeral.seed import seed_database
from projects_api.ephemeral.snapshots import Snapshots, State
from projects_api.jobs.repeatable import STEP, RepeatableOrigin
from projects_api.jobs.worker import Workers
from projects_api.models import job
from projects_api.models.base import origin
from projects_api.settings import Settings, is_loopback

SEEDED_AT = datetime.fromisoformat("2026-01-01T00:00:00Z")
"""When what the seed adds to its archive came to be."""


class EphemeralServer:
    """What an ephemeral server has beyond a usual one."""

    def __init__(self, settings: Settings, archive: Path | None, clock: datetime | None) -> None:
        """Fill the empty data folder of the settings; `clock` is the moment where time begins."""
        self.settings = settings
        self.services = Services.from_settings(settings)
        self.workers = Workers(settings, settings.embedded_workers)
        self._changing = Lock()
        self._clock = clock
        self._origin = RepeatableOrigin(SEEDED_AT)
        self.journal = Journal()
        self.rules = FaultRules()
        self.coverage = Coverage()
        files = settings.data_dir / "seed"
        files.mkdir(parents=True)
        make_schema(self.services.database, settings.data_dir / "projects.db")
        with self._origin.in_charge():
            self._seed = seed_database(self.services, archive, files)
        self._roles = {key: role for role, key in self._seed.keys.items()}
        live, kept = settings.data_dir / "projects.db", settings.data_dir / "snapshots"
        self.snapshots = Snapshots(live, self.services.artifacts.store, kept)
        self._seeded = self.snapshots.keep_seed(self._seed.files)
        self._start_clock(None, self._seeded)

    @classmethod
    @contextmanager
    def temporary(cls, archive: Path | None, clock: datetime | None = None) -> Iterator[Self]:
        """Make one in a temporary folder while a block runs, whatever data the settings name.

        Raises `ValueError` where the settings would let other machines reach it.
        """
        with TemporaryDirectory(prefix="projects-api-", ignore_cleanup_errors=True) as folder:
            settings = Settings(
                _env_file=None,
                workers=1,
                data_dir=Path(folder),
                database_url="",
                artifact_url="",
                job_engine="local",
            )
            if not (is_loopback(settings.host) or settings.allow_insecure):
                raise ValueError(
                    f"an ephemeral server on {settings.host} could be reached, reset and failed by "
                    "other machines; listen on 127.0.0.1, or set PROJECTS_API_ALLOW_INSECURE=true"
                )
            server = cls(settings, archive, clock)
            try:
                yield server
            finally:
                server.close()

    def close(self) -> None:
        """Give the process its clock back and close the database."""
        self._origin.give_back()
        self.services.close()

    def reset(self, clock: datetime | None = None, snapshot: str | None = None) -> None:
        """Set everything back to the seed, or to a snapshot; raises NotFound.

        Time begins at `clock`, or where it first began; after a snapshot it goes on as it was.
        """
        with self._changing:
            state = self.snapshots.find(snapshot) if snapshot else self._seeded
            with self._workers_paused():
                self.snapshots.restore(state)
            self._start_clock(clock, state)

    def take_snapshot(self, name: str) -> None:
        """Keep the present state under a name; raises TooManySnapshots."""
        with self._changing, self._workers_paused():
            is_repeatable = origin.is_repeatable
            self.snapshots.take(name, self._origin.position() if is_repeatable else None)

    def remove_snapshot(self, name: str) -> None:
        """Forget a snapshot; raises NotFound."""
        with self._changing:
            self.snapshots.remove(name)

    def _workers_paused(self) -> AbstractContextManager[None]:
        """Let no worker have a job in hand; without jobs they need not stop, which takes longer."""
        with self.services.database.transaction(writing=False) as connection:
            has_jobs = any(one["count"] for one in job.count_open(connection))
        return self.workers.paused() if has_jobs else nullcontext()

    def _start_clock(self, clock: datetime | None, state: State) -> None:
        if clock is None and state.position:
            self._origin.start_at(*state.position)
        elif moment := clock or (self._clock if state is self._seeded else None):
            # A step before, because the first request moves it on, as every request does. A
            # snapshot has ids already, which shall not be given once more.
            first = state.position[1] if state.position else 0
            self._origin.start_at(moment - STEP, first)
        else:
            self._origin.give_back()
            return
        self._origin.take_over()

    def variables(self, base_url: str) -> dict[str, str]:
        """Name what a test needs, as variables of a shell."""
        keys = {f"API_KEY_{role.upper()}": key for role, key in self._seed.keys.items()}
        project = {"PROJECT_ID": self._seed.project_id} if self._seed.project_id else {}
        return {
            "BASE_URL": base_url,
            "API_KEY": self._seed.keys["owner"],
            **keys,
            **project,
            "SERVER_PID": str(os.getpid()),
        }

    @property
    def layer(self) -> partial[FaultsMiddleware]:
        """The layer of the application that makes faults and moves the clock."""
        return partial(FaultsMiddleware, on_request=self._origin.advance, rule_for=self._take_fault)

    @property
    def outer_layers(self) -> list[Any]:
        """The layers around what answers problems, which keep the journal and cut answers."""
        journal = partial(JournalMiddleware, note=self._note, role_of=self._role_of)
        return [journal, CutMiddleware]

    @property
    def routes(self) -> list[Page]:
        """The pages for tests."""
        key = self._seed.keys["owner"]
        faults = FaultsPages(self.rules)
        snapshots = SnapshotsPages(self.snapshots, self.take_snapshot, self.remove_snapshot)
        return [
            guarded("reset", self._answer_reset, key, ["POST"]),
            guarded("snapshots", snapshots.answer, key, ["GET"]),
            guarded("snapshots/{name}", snapshots.answer_one, key, ["POST", "DELETE"]),
            guarded("requests", JournalPage(self.journal).answer, key, ["GET", "DELETE"]),
            guarded("coverage", CoveragePage(self.coverage).answer, key, ["GET", "DELETE"]),
            guarded("faults", faults.answer, key, ["GET", "POST", "DELETE"]),
            guarded("faults/{rule_id:int}", faults.remove, key, ["DELETE"]),
        ]

    def _note(self, exchange: Exchange) -> None:
        self.coverage.note(exchange)
        self.journal.note(exchange)

    def _take_fault(self, scope: Scope) -> Fault | None:
        return self.rules.take(scope[OPERATION], self._role_of(scope))

    def _role_of(self, scope: Scope) -> str | None:
        """Tell whose key of the seed a request carries."""
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        return self._roles.get(token.strip()) if scheme.lower() == "bearer" else None

    async def _answer_reset(self, request: Request) -> Response:
        wanted = parse(NewState, request.query_params, "query")
        await to_thread.run_sync(self.reset, wanted.clock, wanted.snapshot)
        self.journal.clear()
        self.rules.clear()
        return Response(status_code=204)


def stop_with(stream: IO[str]) -> None:
    """Stop the process, as SIGTERM does, when a stream ends: its writer is gone then."""

    def wait() -> None:
        stream.read()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, daemon=True).start()
