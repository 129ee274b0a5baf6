"""Places: threads for requests that may take long, and a wait for one that takes no thread."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from typing import TypeVar

from projects_api import tracing
from projects_api.access.problems import TooManyAtOnce, Unavailable
from projects_api.processes.turns import QueueFull, Turns

MAX_WAITING = 512
MAX_WAITING_OF_ONE = 128
WAIT_SECONDS = 30.0
Argument = TypeVar("Argument")
Result = TypeVar("Result")
BUSY = "The server works on as many requests that take long as it can. Repeat the request later."


class Threads:
    """Where requests run: a plain pool, for a hop through it costs half of any other.

    Used by the event loop alone. `busy` counts what runs and what waits for a thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="request")
        self.shutdown = self._pool.shutdown

    async def run(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Do work in a thread."""
        self.busy += 1
        loop = asyncio.get_running_loop()
        try:
            if tracing.is_on():  # For a thread to know which span it works for.
                context = copy_context()
                return await loop.run_in_executor(self._pool, context.run, work, argument)
            return await loop.run_in_executor(self._pool, work, argument)
        finally:
            self.busy -= 1


class NoPlace(Exception):
    """No place is free for a caller now."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self.user_id = user_id


class Places:
    """At most three quarters of the threads, and half of those for one caller.

    The last quarter is for requests that are answered at once, which so never wait behind others.
    """

    def __init__(self, threads: int) -> None:
        most = max(1, threads * 3 // 4)
        self.turns = Turns(
            most,
            most_of_one=max(1, most // 2),
            waiting=MAX_WAITING,
            waiting_of_one=MAX_WAITING_OF_ONE,
        )

    @contextmanager
    def taken(self, user_id: str) -> Iterator[None]:
        """Run a block in a place, in a thread; raises NoPlace where none is free."""
        if not self.turns.enter(user_id):
            raise NoPlace(user_id)
        try:
            yield
        finally:
            self.turns.leave(user_id)

    @asynccontextmanager
    async def awaited(self, user_id: str) -> AsyncIterator[None]:
        """Run a block in a place, on the event loop, which is waited for.

        Raises TooManyAtOnce where the caller has enough requests that wait, and Unavailable where
        all callers together have, or where it takes more than WAIT_SECONDS.
        """
        loop = asyncio.get_running_loop()
        come: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            # Whoever has gone meanwhile needs no word, and a loop that has ended hears none.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, come)

        try:
            waiting = self.turns.queue(user_id, wake)
        except QueueFull as full:
            raise (TooManyAtOnce() if full.is_own else Unavailable(BUSY)) from full
        if waiting:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await come
            except BaseException as ended:
                self.turns.withdraw(waiting)
                if isinstance(ended, TimeoutError):
                    raise Unavailable(BUSY) from ended
                raise
        try:
            yield
        finally:
            self.turns.leave(user_id)


def _tell(come: asyncio.Future[None]) -> None:
    if not come.done():
        come.set_result(None)
