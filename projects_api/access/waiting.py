"""Waiting: requests that are answered when a job has ended, and hold nothing until then."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog
from starlette.types import Receive

from projects_api.access.audit import CALLER
from projects_api.contract.rules import ON_STOP, Call
from projects_api.database import Database
from projects_api.models import job

WAIT = "wait"
"""The parameter that says for how many seconds at most."""
MOST = 1000
"""Requests that wait at the same time; one more is answered at once."""
MOST_OF_ONE = 100
"""Of those, one person's."""
POLL_SECONDS = 0.5
Waiter = asyncio.Future[None]
_log = structlog.get_logger()


class Waiters:
    """Requests that wait, on the event loop alone: without thread, connection or transaction.

    While there are any, all their jobs are looked up together, in a thread that does nothing else.
    """

    def __init__(
        self, database: Database, *, most: int = MOST, most_of_one: int = MOST_OF_ONE
    ) -> None:
        self._database = database
        self.most, self._most_of_one = most, most_of_one
        self._waiting: dict[str, set[Waiter]] = {}
        """By job."""
        self._of_person: Counter[str] = Counter()
        self._polling: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="waiting")

    @property
    def count(self) -> int:
        """Count the requests that wait."""
        return self._of_person.total()

    async def wait(self, call: Call, job_id: str, seconds: float) -> bool:
        """Wait until a job has ended, for some seconds at most; tell whether its caller is there.

        It ends early when the server stops, and does not begin where too many wait.
        """
        person: str = call.scope[CALLER]
        if self.count >= self.most or self._of_person[person] >= self._most_of_one:
            return False
        gone = asyncio.ensure_future(_until_gone(call.receive))
        try:
            with self._entered(person, job_id) as waiter:
                if on_stop := call.scope.get("extensions", {}).get(ON_STOP):
                    on_stop(lambda: _wake(waiter))
                await asyncio.wait(
                    (waiter, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
            return not gone.done()
        finally:
            gone.cancel()

    def close(self) -> None:
        """Let the last look end."""
        self._thread.shutdown()

    @contextmanager
    def _entered(self, person: str, job_id: str) -> Iterator[Waiter]:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(waiter)
        self._of_person[person] += 1
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            yield waiter
        finally:
            self._waiting[job_id].discard(waiter)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
            self._of_person[person] -= 1
            if not self._of_person[person]:
                del self._of_person[person]

    async def _poll(self) -> None:
        """Wake who waits for what has ended, until nobody waits."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not (asked := list(self._waiting)):
                return
            try:
                still_open = await loop.run_in_executor(self._thread, self._list_open, asked)
            except Exception as error:  # noqa: BLE001 - whoever waits finds out what it is
                _log.warning("jobs_not_looked_up", error=str(error))
                still_open = set()
            for job_id in asked:
                if job_id not in still_open:
                    for waiter in self._waiting.get(job_id, ()):
                        _wake(waiter)

    def _list_open(self, job_ids: Collection[str]) -> set[str]:
        with self._database.transaction(writing=False) as connection:
            return job.list_open(connection, job_ids)


def _wake(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
