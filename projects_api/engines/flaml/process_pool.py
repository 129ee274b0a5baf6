"""The executor of trials that uses several processors: a process for each."""

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any

from projects_api.engines.flaml.executor import Assigned, Control, Running, Trial
from projects_api.engines.flaml.fitting import OutOfTime, Stopped
from projects_api.engines.flaml.shared import Shared

PROGRAM = "projects_api.engines.flaml.worker_process"
ATTEMPTS = 2
START_SECONDS = 600.0
"""For a process to begin, which takes four on a machine that has nothing else to do."""
GRACE_SECONDS = 120.0
"""For a call that no alarm ends, besides its seconds twice."""
_LOOK_SECONDS = 0.2
"""Between two looks whether the training is to stop."""
_THREADS = ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


class ProcessLost(Exception):
    """Every process that worked on a call has ended."""

    def __init__(self) -> None:
        super().__init__("its process was ended twice; it may need more memory than there is")


class ProcessPool:
    """Processes that each work on one call at a time, of several trials at once.

    They are started, not forked: threads of the libraries do not outlive a fork. Each finds the
    rows in one file, which it maps into its memory. A call whose process ends is begun once more.
    """

    def __init__(
        self, shared: Shared, size: int, threads: int = 1, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        """Start so many processes, each with so many threads."""
        self._file = shared.folder / "shared.joblib"
        shared.write(self._file)
        self._environment = os.environ | dict.fromkeys(_THREADS, str(threads))
        self._grace_seconds = grace_seconds
        self._lost: deque[Assigned] = deque()
        self._processes: list[_Process] = []
        for _ in range(size):
            self._start()

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
        for process in self._processes:
            process.kill()
        self._processes = []
        self._file.unlink(missing_ok=True)

    def _start(self) -> None:
        self._processes.append(_Process(self._file, self._environment))

    def _assign(self, begun: list[Running], waiting: deque[Trial], control: Control) -> None:
        """Give every free process a call, of the first trial that has one."""
        for process in self._processes:
            if process.assigned:
                continue
            assigned = self._next(begun, waiting, control)
            if assigned is None:
                return
            process.send(assigned)

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
        ready = connection.wait([one.connection for one in self._processes], _LOOK_SECONDS)
        for process in list(self._processes):
            lives = process.receive() if process.connection in ready else True
            is_late = process.is_late(self._grace_seconds)
            if lives and not is_late:
                continue
            self._processes.remove(process)
            process.kill()
            self._start()
            if process.assigned:
                self._take_back(process.assigned, is_late)

    def _take_back(self, assigned: Assigned, is_late: bool) -> None:
        assigned.attempts += 1
        if is_late:
            assigned.end(assigned.seconds, error=OutOfTime())
        elif assigned.attempts == ATTEMPTS:
            assigned.end(assigned.seconds, error=ProcessLost())
        else:
            self._lost.append(assigned)

    def _give_up(self, begun: list[Running]) -> None:
        for process in list(self._processes):
            if process.assigned:
                self._processes.remove(process)
                process.kill()
        self._lost.clear()
        for running in begun:
            if not running.outcome.done():
                running.give_up(Stopped())


def _is_ready(running: Running) -> bool:
    return running.outcome.done() and running.outcome.exception() is None


class _Process:
    """One process, and the call that it works on."""

    def __init__(self, file: Path, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", PROGRAM, str(file)],
                stdin=theirs.fileno(),
                env=environment,
            )
        self.pid = self._process.pid
        self.connection = connection.Connection(ours.detach())
        self.assigned: Assigned | None = None
        self._is_ready = False
        self._since = time.monotonic()

    def send(self, assigned: Assigned) -> None:
        """Let it work on a call, as soon as it has begun."""
        self.assigned = assigned
        if self._is_ready:
            self._since = time.monotonic()
        with suppress(OSError):  # It has ended, which is seen when it is listened to.
            self.connection.send((assigned.call, assigned.seconds))

    def receive(self) -> bool:
        """Take what it says; False when it has ended instead."""
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            return False
        if said is None:
            self._is_ready, self._since = True, time.monotonic()
        elif self.assigned:
            assigned, self.assigned = self.assigned, None
            assigned.end(*said)
        return True

    def is_late(self, grace_seconds: float) -> bool:
        """Return whether it takes longer than anything should."""
        allowed = START_SECONDS
        if self._is_ready:
            if not self.assigned:
                return False
            allowed = grace_seconds + 2 * max(self.assigned.seconds, 0)
        return time.monotonic() - self._since > allowed

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self.connection.close()
