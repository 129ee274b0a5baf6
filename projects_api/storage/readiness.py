"""Readiness: whether the database and the artifact store can be worked with, told in seconds."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

import structlog

from projects_api.database import Database
from projects_api.storage.store import ArtifactStore

CHECK_SECONDS = 3.0
"""After so long, what does not answer is not ready."""
Result = TypeVar("Result")
_log = structlog.get_logger()


class Readiness:
    """Asks the database and the artifact store, each in a thread that it may keep for ever."""

    def __init__(self, database: Database, store: ArtifactStore) -> None:
        self._checks = {
            "the database": _Check("database_unavailable", database.check),
            "the artifact store": _Check("artifact_store_unavailable", store.check),
        }

    def missing(self) -> list[str]:
        """Name what cannot be worked with, after `CHECK_SECONDS` at most."""
        deadline = monotonic() + CHECK_SECONDS
        for check in self._checks.values():
            check.begin()
        return [name for name, check in self._checks.items() if not check.succeeds_by(deadline)]


class _Check:
    """A question that may wait without end; while it waits, it is not asked again."""

    def __init__(self, event: str, ask: Callable[[], None]) -> None:
        self._event = event
        self._ask = ask
        self._thread = threading.Thread()
        self._succeeded = False

    def begin(self) -> None:
        """Ask, unless the last answer is still to come."""
        if not self._thread.is_alive():
            self._succeeded = False
            self._thread = threading.Thread(target=self._run, name=self._event, daemon=True)
            self._thread.start()

    def succeeds_by(self, deadline: float) -> bool:
        """Wait until a moment of the monotonic clock for a good answer."""
        self._thread.join(max(0.0, deadline - monotonic()))
        if self._thread.is_alive():
            _log.warning(self._event, error=f"no answer in {CHECK_SECONDS:g} seconds")
        return self._succeeded

    def _run(self) -> None:
        try:
            self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing works with it
            _log.warning(self._event, error=str(error))
        else:
            self._succeeded = True


class SharedAnswer:
    """Answers whoever asks without a key: once for all who ask meanwhile.

    The thread is its own, so that the answer waits behind no request.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def get(self, name: str, make: Callable[[], Result]) -> Result:
        """Return the answer of this name that is being made, or have it made."""
        answer = self._answers.get(name)
        if answer is None or answer.done():
            answer = asyncio.get_running_loop().run_in_executor(self._thread, make)
            self._answers[name] = answer
        shared: Result = await asyncio.shield(answer)
        return shared

    def close(self) -> None:
        """Let the last answer be made."""
        self._thread.shutdown()
