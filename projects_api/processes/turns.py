"""Turns: a few who may go on at once, and the others, who come one after the other, fairly."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock


class QueueFull(Exception):
    """As many wait as may; `is_own` where all those are the same one's."""

    def __init__(self, *, is_own: bool) -> None:
        super().__init__("as many wait as may")
        self.is_own = is_own


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits, and what to call when the turn has come."""

    who: str
    wake: Callable[[], object]


class Turns:
    """At most `most` go on at once, and `most_of_one` of them are the same one's.

    At most `waiting` wait, `waiting_of_one` of the same one. Next comes the one of whom the fewest
    go on, and of several whoever has waited longest: so many of one keep nobody else from a turn.
    May be used by several threads.
    """

    def __init__(
        self,
        most: int,
        *,
        most_of_one: int | None = None,
        waiting: int = 0,
        waiting_of_one: int | None = None,
    ) -> None:
        self.most = most
        self._most_of_one = most if most_of_one is None else most_of_one
        self._most_waiting = waiting
        self._waiting_of_one = waiting if waiting_of_one is None else waiting_of_one
        self._lock = Lock()
        self._going_on: Counter[str] = Counter()
        self._queue: list[Waiting] = []

    @property
    def going_on(self) -> int:
        """How many have a turn."""
        return self._going_on.total()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._queue)

    def enter(self, who: str) -> bool:
        """Take a turn where one is free; return whether it was."""
        with self._lock:
            return self._enter(who)

    def queue(self, who: str, wake: Callable[[], object]) -> Waiting | None:
        """Take a turn, or wait for one; raises QueueFull. None says that it was taken at once.

        `wake` is called, in any thread, when the turn has come; it must be quick.
        """
        with self._lock:
            if self._enter(who):
                return None
            own = sum(one.who == who for one in self._queue)
            if own >= self._waiting_of_one or len(self._queue) >= self._most_waiting:
                raise QueueFull(is_own=own >= self._waiting_of_one)
            waiting = Waiting(who, wake)
            self._queue.append(waiting)
            return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Wait no longer; a turn that has come meanwhile is the next one's."""
        with self._lock:
            if waiting in self._queue:
                self._queue.remove(waiting)
                return
        self.leave(waiting.who)

    def leave(self, who: str) -> None:
        """Let the next one go on."""
        with self._lock:
            self._going_on[who] -= 1
            if self._going_on[who] <= 0:
                del self._going_on[who]
            able = [one for one in self._queue if self._going_on[one.who] < self._most_of_one]
            if able:
                chosen = min(able, key=lambda one: self._going_on[one.who])
                self._queue.remove(chosen)
                self._going_on[chosen.who] += 1
                chosen.wake()

    @contextmanager
    def turn(self, who: str) -> Iterator[None]:
        """Run a block in a turn, which this thread waits for; raises QueueFull."""
        come = Event()
        if self.queue(who, come.set):
            come.wait()
        try:
            yield
        finally:
            self.leave(who)

    def _enter(self, who: str) -> bool:
        free = self._going_on.total() < self.most and self._going_on[who] < self._most_of_one
        if free:
            self._going_on[who] += 1
        return free
