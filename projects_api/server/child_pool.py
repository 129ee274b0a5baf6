"""Child processes of this server process: started when needed, kept warm, replaced.

What a stranger's file may exhaust or crash, and what needs heavy libraries, is done in them.
`child_process` is their side of it.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any
from weakref import WeakSet

IMPORT_ROOT = Path(__file__).parents[2]
# A child needs none of the server's secrets.
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG")
ATTEMPTS = 2
GRACE_SECONDS = 5.0


class ChildFailed(RuntimeError):  # noqa: N818 - its text says what the error is
    """A child process could not start, or met a fault that is not its task's."""


class ChildDied(Exception):  # noqa: N818 - for the task's sender it may be no error
    """Every attempt at a task ended the process that worked on it."""


class OutOfTime(Exception):  # noqa: N818 - same
    """A task took more time than it may."""


def wait_or_kill(process: subprocess.Popen[Any]) -> int:
    """Wait for a process that was told to end, kill it if it does not; return its exit status."""
    try:
        return process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class ChildPool:
    """At most `size` processes that run a module, shared by the threads of this process.

    `arguments` and `environment` are given to the module. A process that grew by more than
    `kept_growth_kib` gives its memory back by ending.
    """

    def __init__(
        self,
        module: str,
        size: int,
        *,
        kept_growth_kib: int,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment or {})
        self._size = size
        self._kept_growth_kib = kept_growth_kib
        self.forget()
        _pools.add(self)

    def ask(self, task: Mapping[str, Any], seconds: float, wanted: str = "") -> dict[str, Any]:
        """Give a task to a process, waiting for one to be free, and return its answer.

        A process whose last answer named `wanted` among what it `keeps` is preferred. Raises
        `OutOfTime`, `ChildDied` when the task ended a process twice, and `ChildFailed` for what
        is no fault of the task.
        """
        for _ in range(ATTEMPTS):
            with self._free:
                answer = self._ask({**task, "seconds": seconds}, wanted)
            if answer is None:
                continue
            if "failure" in answer:
                raise ChildFailed(answer["failure"])
            return answer
        raise ChildDied

    def close(self) -> None:
        """End the processes that have nothing to do."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """Begin anew, for the processes of a parent that forked are the parent's."""
        self._free = BoundedSemaphore(self._size)
        self._idle: deque[_Child] = deque()

    def _ask(self, message: dict[str, Any], wanted: str) -> dict[str, Any] | None:
        child = self._take(wanted)
        answer = child.ask(message)
        if answer is not None and answer["grown_kib"] <= self._kept_growth_kib:
            child.keeps = frozenset(answer.get("keeps", ()))
            self._idle.append(child)
        elif child.end() == -signal.SIGALRM:
            raise OutOfTime
        return answer

    def _take(self, wanted: str) -> "_Child":
        for child in list(self._idle):
            if wanted in child.keeps:
                with suppress(ValueError):  # another thread was faster
                    self._idle.remove(child)
                    self._idle.append(child)
        while True:
            try:
                child = self._idle.pop()
            except IndexError:
                return _Child(self._command, self._environment)
            if child.lives():  # else it had nothing to do for long, which is no fault of a task
                return child
            child.end()


class _Child:
    """One process, used by one thread at a time."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        """Start it and wait until it is ready; raises `ChildFailed` when it is not."""
        self.keeps: frozenset[str] = frozenset()
        known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=IMPORT_ROOT,
            env=known | environment,
            process_group=0,  # an interrupt from the keyboard is for the server, which ends it
            text=True,
            encoding="utf-8",
        )
        if self._answer() is None:
            raise ChildFailed(f"{command[2]} did not start: exit status {self.end()}")

    def ask(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Send a task and wait for the answer; None when the process ended instead."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        return self._answer()

    def lives(self) -> bool:
        """Tell whether the process has not ended by itself."""
        return self._process.poll() is None

    def end(self) -> int:
        """End the process and return its exit status, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # which ends it
        status = wait_or_kill(self._process)
        self._process.stdout.close()
        return status

    def _answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
        return answer


_pools: WeakSet[ChildPool] = WeakSet()


def _forget_all() -> None:
    for pool in _pools:
        pool.forget()


def _close_all() -> None:
    for pool in _pools:
        pool.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
