"""Places: threads for requests that may take long, and a wait for one that takes no thread."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from projects_api.access.problems import TooManyAtOnce, Unavailable
from projects_api.processes.turns import QueueFull, Turns

MAX_WAITING = 512
MAX_WAITING_OF_ONE = 128
WAIT_SECONDS = 30.0
BUSY = "The server works on as many requests that take long as it can. Repeat the request later."


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
