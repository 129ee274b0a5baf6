"""The executor of trials that uses several processors: a process for each."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import connection
from typing import Any

from projects_api.engines.flaml.executor import Assigned, Control, Running, Trial
from projects_api.engines.flaml.fitting import OutOfTime, Stopped
from projects_api.engines.flaml.places import Place, Process, RemoteProcess
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.interface import Remote

ATTEMPTS = 2
REMOTE_ATTEMPTS = 4
"""Where a call may go with the machine that it was on, which says nothing of the call."""
GRACE_SECONDS = 120.0
"""For a call that no alarm ends, besides its seconds twice."""
_LOOK_SECONDS = 0.2
"""Between two looks whether the training is to stop."""


class ProcessLost(Exception):
    """Every process that worked on a call has ended."""

    def __init__(self) -> None:
        super().__init__(
            "its processes were ended, time and again; it may need more memory than there is"
        )


class ProcessPool:
    """Processes that each work on one call at a time, of several trials at once.

    They are started, not forked: threads of the libraries do not outlive a fork. Each finds the
    rows in one file, which it maps into its memory. A call whose process ends is begun once more.
    Those of other machines join when they have room there; all that is to do, this one can do.
    """

    def __init__(
        self, shared: Shared, size: int, threads: int = 1, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        """Start so many processes, each with so many threads."""
        self._folder, self._file = shared.folder, shared.folder / "shared.joblib"
        shared.write(self._file)
        self._threads, self._grace_seconds = threads, grace_seconds
        self._attempts = ATTEMPTS
        self._lost: deque[Assigned] = deque()
        self._processes: list[Process] = []
        self._remote: Remote | None = None
        self._remotes: list[RemoteProcess] = []
        for _ in range(size):
            self._start()

    def extend(self, remote: Remote, count: int, needed: int, most: int | None) -> None:
        """Ask other machines for so many processes, which need so many bytes and may hold `most`.

        To be closed with this pool.
        """
        self._attempts = REMOTE_ATTEMPTS
        self._remote = remote
        remote.begin(self._file, self._folder, needed, most)
        for _ in range(count):
            self._ask()

    @property
    def processors(self) -> int:
        """How many calls run at once, as it is now."""
        return len(self._processes) + sum(one.is_ready for one in self._remotes)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [process.pid for process in self._processes]

    def run(self, trials: Iterable[Trial], control: Control) -> Iterator[Future[Any]]:
        """Do as an `Executor` does."""
        waiting, begun, told = deque(trials), list[Running](), 0
        while True:
            self._assign(begun, waiting, control)
            while told < len(begun) and begun[told].outcome.done():
                told += 1
                yield begun[told - 1].outcome
            if all(one.outcome.done() for one in begun):
                # One that ended meanwhile may have left a process free for what still waits.
                if not waiting or control.is_over():
                    return
                continue
            ready = control.has_models() or any(_is_ready(one) for one in begun[told:])
            if ready and control.is_to_stop():
                break
            self._wait()
        self._give_up(begun[told:])
        yield from (one.outcome for one in begun[told:])

    def close(self) -> None:
        """Kill the processes: what they have made stays, and they hold nothing else."""
        for place in self._places:
            place.kill()
        self._processes, self._remotes = [], []
        if self._remote:
            self._remote.close()
        self._file.unlink(missing_ok=True)

    @property
    def _places(self) -> list[Place]:
        return [*self._processes, *self._remotes]

    def _start(self) -> None:
        self._processes.append(Process(self._file, self._folder, self._threads))

    def _ask(self) -> None:
        assert self._remote
        with suppress(OSError):  # Nobody is there any more; this machine goes on alone.
            self._remotes.append(RemoteProcess(self._remote.connect(), self._folder))

    def _assign(self, begun: list[Running], waiting: deque[Trial], control: Control) -> None:
        """Give every free process a call, of the first trial that has one."""
        for place in self._places:
            if not place.is_free():
                continue
            assigned = self._next(begun, waiting, control)
            if assigned is None:
                return
            place.send(assigned)

    def _next(
        self, begun: list[Running], waiting: deque[Trial], control: Control
    ) -> Assigned | None:
        if self._lost:
            return self._lost.popleft()
        for running in begun:
            if assigned := running.next_call():
                return assigned
        while waiting and not control.is_over():
            begun.append(Running(waiting.popleft()))
            begun[-1].begin()
            if assigned := begun[-1].next_call():
                return assigned
        return None

    def _wait(self) -> None:
        """Take what processes answer, for a moment; replace those that have ended."""
        ready = connection.wait([one.connection for one in self._places], _LOOK_SECONDS)
        for place in self._places:
            lives = place.receive() if place.connection in ready else True
            is_late = place.is_late(self._grace_seconds)
            if lives and not is_late:
                continue
            self._end(place)
            if isinstance(place, Process):
                self._start()
            elif place.is_ready:  # One that never began would not the next time, either.
                self._ask()
            if place.assigned:
                self._take_back(place.assigned, is_late)

    def _end(self, place: Place) -> None:
        places: list[Any] = self._processes if isinstance(place, Process) else self._remotes
        places.remove(place)
        place.kill()

    def _take_back(self, assigned: Assigned, is_late: bool) -> None:
        assigned.attempts += 1
        if is_late:
            assigned.end(assigned.seconds, error=OutOfTime())
        elif assigned.attempts == self._attempts:
            assigned.end(assigned.seconds, error=ProcessLost())
        else:
            self._lost.append(assigned)

    def _give_up(self, begun: list[Running]) -> None:
        for place in self._places:
            if place.assigned:
                self._end(place)
        self._lost.clear()
        for running in begun:
            if not running.outcome.done():
                running.give_up(Stopped())


def _is_ready(running: Running) -> bool:
    return running.outcome.done() and running.outcome.exception() is None
