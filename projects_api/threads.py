"""Threads for what an event loop must not wait for, and the way to them and back.

A pool of the standard library takes 19 us of the processor for a way there and back, this one 3:
nothing of it can be waited for by another thread, and answers that are ready together wake the
event loop once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from projects_api import tracing

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class WorkItem:
    """Work for a thread, and what came of it."""

    def __init__(self, work: Callable[[], Any], answers: "_Answers") -> None:
        self.answer: asyncio.Future[Any] = answers.loop.create_future()
        self.answers = answers
        self.since = monotonic()
        self._result: Any = None
        self._error: BaseException | None = None
        # For the thread to know which span it works for.
        self._work = partial(copy_context().run, work) if tracing.is_on() else work

    def do(self) -> None:
        """Do the work, unless nobody waits for it any more."""
        if self.answer.cancelled():
            return
        try:
            self._result = self._work()
        except StopIteration as error:  # which no future takes
            self.fail(RuntimeError(f"the work raised {error!r}"))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Have it fail, unless it did of itself."""
        self._error = self._error or error

    def tell(self) -> None:
        """On the event loop, let whoever waits go on."""
        answer, error, result = self.answer, self._error, self._result
        # An error leads to this object by its traceback, and must not be led to by it.
        del self.answer, self._error, self._result
        if answer.done():
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(result)


class Line:
    """Work that waits for a thread, put there by one event loop at a time."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[WorkItem | None] = SimpleQueue()
        self._answers: _Answers | None = None

    def __len__(self) -> int:
        """Count what waits."""
        return self._waiting.qsize()

    def put(self, work: Callable[[], Any]) -> WorkItem:
        """Put work in line; its `answer` is to be awaited."""
        loop = asyncio.get_running_loop()
        if self._answers is None or self._answers.loop is not loop:
            self._answers = _Answers(loop)
        item = WorkItem(work, self._answers)
        self._waiting.put(item)
        return item

    def __iter__(self) -> Iterator[WorkItem]:
        """Wait for work, again and again, until the line is closed and what waited is done."""
        return iter(self._waiting.get, None)

    def next(self) -> WorkItem | None:
        """Return what waits now, if anything does."""
        with suppress(Empty):
            if item := self._waiting.get_nowait():
                return item
            self.close()
        return None

    def close(self) -> None:
        """End one iteration, behind what waits already."""
        self._waiting.put(None)


class Threads:
    """A pool of threads. `busy` counts what runs and what waits for one, for the event loop."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0
        self._line = Line()
        self._threads: list[threading.Thread] = []

    async def run(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Do work in a thread."""
        item = self._line.put(partial(work, argument))
        self.busy += 1
        if self.busy > len(self._threads) < self.size:
            self._threads.append(start(self._serve, f"request {len(self._threads)}"))
        try:
            result: Result = await item.answer
        finally:
            self.busy -= 1
        return result

    def shutdown(self) -> None:
        """Do what is in line, then no more."""
        for _ in self._threads:
            self._line.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        for item in self._line:
            item.do()
            tell([item])


def start(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a thread that keeps no process from ending."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def tell(done: list[WorkItem]) -> None:
    """Let all who wait for this work go on."""
    for item in done:
        item.answers.add(item)


class _Answers:
    """The way back to an event loop, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[WorkItem] = deque()
        self._is_awake = False

    def add(self, item: WorkItem) -> None:
        """Have the event loop tell who waits; one that has ended tells nobody."""
        self._done.append(item)
        if not self._is_awake:
            self._is_awake = True
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_awake = False  # Before the first is taken: who comes later wakes it again.
        while self._done:
            self._done.popleft().tell()
