"""Sending: takes deliveries that are due, and sends each until it has arrived or had its tries."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from projects_api.database import Database
from projects_api.database.endurance import Endurance
from projects_api.metrics import metrics
from projects_api.models.base import new_id
from projects_api.models.outside import delivery as deliveries
from projects_api.webhooks.destinations import Destinations

if TYPE_CHECKING:
    from projects_api.webhooks.posting import Poster

MOST_AT_ONCE = 32
"""More than a project may have webhooks, so that none keeps all others waiting."""
ACCEPTED = range(200, 300)
LEASE_SECONDS = 60.0
"""Six times as long as an attempt may take (`posting.SECONDS`)."""
MOST_SECONDS_BETWEEN = 6 * 3600.0
GROWTH = 4
ABANDONED = "The server stopped in the midst of every attempt."


def wait_after(attempts: int, first: float) -> float:
    """Return the seconds to wait after an attempt in vain: four times as long each time."""
    return min(first * float(GROWTH) ** (attempts - 1), MOST_SECONDS_BETWEEN)


def _outcome(answer: Mapping[str, Any]) -> str:
    """Name what came of an attempt, for those who count them."""
    status = answer["response_status"]
    if status is None:
        return "unreachable"
    return "arrived" if status in ACCEPTED else "refused"


class Sender:
    """Sends in one process; several share the work."""

    def __init__(
        self,
        database: Database,
        destinations: Destinations,
        *,
        attempts: int,
        retry_seconds: float,
        poll_seconds: float,
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._attempts = attempts
        self._retry_seconds = retry_seconds
        self._poll_seconds = poll_seconds
        self._endurance = Endurance("webhooks_not_sent")
        self._poster: Poster | None = None

    async def run(self) -> None:
        """Send for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._run(group)
        finally:
            if self._poster:
                await self._poster.close()

    async def _run(self, group: asyncio.TaskGroup) -> None:
        sending: set[asyncio.Task[None]] = set()
        while True:
            taken = None
            if len(sending) < MOST_AT_ONCE:
                with self._endurance.step():
                    taken = await to_thread.run_sync(self._take)
            if taken:
                task = group.create_task(self._deliver(taken))
                sending.add(task)
                task.add_done_callback(sending.discard)
                continue
            # Whatever has ended may have let something else become due.
            pause = group.create_task(asyncio.sleep(self._poll_seconds))
            await asyncio.wait({pause, *sending}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()

    def _take(self) -> dict[str, Any] | None:
        with self._database.transaction(writing=False) as connection:
            if not deliveries.has_due(connection):
                return None
        owner = new_id()
        with self._database.transaction() as connection:
            taken = deliveries.claim(connection, owner, LEASE_SECONDS)
        return taken and {**taken, "owner": owner}

    async def _deliver(self, taken: Mapping[str, Any]) -> None:
        with self._endurance.step():
            if taken["attempts"] > self._attempts:
                answer = {"response_status": None, "response_body": None, "error": ABANDONED}
            else:
                poster = self._poster or await self._make_poster()
                answer = await poster.post(taken)
                metrics().webhook_attempts.labels(_outcome(answer)).inc()
            await to_thread.run_sync(self._conclude, taken, answer)

    async def _make_poster(self) -> "Poster":
        """Import the client of HTTP now, in a thread: most servers have nobody to send to."""
        module = await to_thread.run_sync(import_module, "projects_api.webhooks.posting")
        self._poster = self._poster or module.Poster(self._destinations)
        return self._poster

    def _conclude(self, taken: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        attempts = taken["attempts"]
        arrived = _outcome(answer) == "arrived"
        is_over = arrived or attempts >= self._attempts
        status = ("succeeded" if arrived else "failed") if is_over else "pending"
        seconds = 0.0 if is_over else wait_after(attempts, self._retry_seconds)
        with self._database.transaction() as connection:
            deliveries.conclude(
                connection, taken["id"], taken["owner"], answer, status=status, seconds=seconds
            )
