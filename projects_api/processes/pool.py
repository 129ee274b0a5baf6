"""Child processes of this server process: started when needed, kept warm, replaced.

What a stranger's file may exhaust or crash, and what needs heavy libraries, is done in them.
`child_process` is their side of it.
"""

import atexit
import json
import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any
from weakref import WeakSet

from projects_api.processes.starts import Folders, Forked, Spawned, Template, TemplateGone
from projects_api.processes.turns import Turns

# A child needs none of the server's secrets.
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG")
ATTEMPTS = 2
MAX_WAITING = 24
MAX_WAITING_OF_ONE = 16
"""Threads that wait for a process: fewer than there are to send files with, which wait, too."""


class ChildFailed(RuntimeError):
    """A child process could not start, or met a fault that is not its task's."""


class ChildDied(Exception):
    """Every attempt at a task ended the process that worked on it."""


class OutOfTime(Exception):
    """A task took more time than it may."""


class ChildPool:
    """At most `size` processes that run a module at once, shared by the threads of this process.

    `arguments` and `environment` are given to the module. A process that grew by more than
    `kept_growth_kib` gives its memory back by ending. At most `kept` that have nothing to do are
    kept, `size` of them where it is not said. Where there are `folders`, they are forked from a
    process that has imported the module, which takes milliseconds, and each is confined to one.
    """

    def __init__(
        self,
        module: str,
        size: int,
        *,
        kept_growth_kib: int,
        kept: int | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        folders: Folders | None = None,
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment or {})
        self._size = size
        self._kept = size if kept is None else kept
        self._kept_growth_kib = kept_growth_kib
        self._folders = folders
        self._template: Template | None = None
        self.forget()
        _pools.add(self)

    def ask(
        self,
        task: Mapping[str, Any],
        seconds: float,
        wanted: str = "",
        *,
        owner: str = "",
        asker: str = "",
        file: Path | None = None,
    ) -> dict[str, Any]:
        """Return a task to a process, waiting for one to be free, and return its answer.

        Those who ask take turns, `asker` by `asker`.
        A process never works for two owners. One whose last answer named `wanted` among what it
        `keeps` is preferred. Of a file the process gets a copy, whose place is the task's `path`.
        The second attempt, after a process died or answered `exhausted` with what earlier tasks
        left in its memory, is a new process's, so that no answer depends on what was asked before.
        Raises `QueueFull` where as many wait as may, `OutOfTime`, `ChildDied` when the task ended a
        process twice, and `ChildFailed` for what is no fault of the task.
        """
        for attempt in range(ATTEMPTS):
            with self.turns.turn(asker):
                child = self._take(wanted, owner) if attempt == 0 else self._new(owner)
                answer = self._ask(child, {**task, "seconds": seconds}, file)
            if answer is None:
                continue
            if "failure" in answer:
                raise ChildFailed(answer["failure"])
            return answer
        raise ChildDied

    def warm(self) -> None:
        """Start the process that all others are forked from, where there is none yet.

        Returns at once: it imports meanwhile, so that whoever asks first need not wait for that.
        """
        with self._starting:
            if self._folders is not None and self._template is None:
                self._template = Template(self._command, self._known(), self._folders)

    def close(self) -> None:
        """End the processes that have nothing to do."""
        while self._idle:
            self._idle.pop().end()
        if self._template is not None:
            self._template.close()
            self._template = None

    def forget(self) -> None:
        """Begin anew, for the processes of a parent that forked are the parent's."""
        self.turns = Turns(self._size, waiting=MAX_WAITING, waiting_of_one=MAX_WAITING_OF_ONE)
        self._idle: deque[_Child] = deque()
        self._template = None
        self._starting = Lock()

    def _ask(
        self, child: "_Child", message: dict[str, Any], file: Path | None
    ) -> dict[str, Any] | None:
        begun = monotonic()
        was_new, child.is_new = child.is_new, False
        answer = child.ask(message, file)
        if answer is not None and answer.get("exhausted"):
            child.end()
            return answer if was_new else None
        if answer is not None and answer["grown_kib"] <= self._kept_growth_kib:
            child.keeps = frozenset(answer.get("keeps", ()))
            self._idle.append(child)
            self._end_longest_idle()
            return answer
        child.end()
        if answer is None and monotonic() - begun >= message["seconds"]:
            raise OutOfTime
        return answer

    def _take(self, wanted: str, owner: str) -> "_Child":
        own = [child for child in list(self._idle) if child.owner == owner]
        own.sort(key=lambda child: wanted in child.keeps)
        while own:
            child = own.pop()
            try:
                self._idle.remove(child)
            except ValueError:  # another thread was faster
                continue
            if child.lives():  # else it had nothing to do for long, which is no fault of a task
                return child
            child.end()
        return self._new(owner)

    def _new(self, owner: str) -> "_Child":
        return _Child(self._start(), owner)

    def _end_longest_idle(self) -> None:
        while len(self._idle) > self._kept:
            with suppress(IndexError):
                self._idle.popleft().end()

    def _known(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        return known | self._environment

    def _start(self) -> "Spawned | Forked":
        environment = self._known()
        if self._folders is None:
            return Spawned(self._command, environment)
        with self._starting:
            for _ in range(ATTEMPTS):
                if self._template is None:
                    self._template = Template(self._command, environment, self._folders)
                try:
                    return self._template.fork()
                except TemplateGone:
                    self._template = None
        raise ChildFailed(f"{self._command[2]} did not start")


class _Child:
    """One process, used by one thread at a time."""

    def __init__(self, process: "Spawned | Forked", owner: str) -> None:
        """Wait until it is ready; raises `ChildFailed` when it is not."""
        self.keeps: frozenset[str] = frozenset()
        self.is_new = True
        self.owner = owner
        self.process = process
        self.lives, self.end = process.lives, process.end
        if self._answer() is None:
            raise ChildFailed(f"{process.name} did not start: exit status {self.end()}")

    def ask(self, message: dict[str, Any], file: Path | None = None) -> dict[str, Any] | None:
        """Send a task and wait for the answer; None when the process ended instead."""
        try:
            with self.process.given(file) as given:
                self.process.tasks.write(json.dumps({**message, **given}) + "\n")
                self.process.tasks.flush()
                return self._answer()
        except BrokenPipeError:
            return None

    def _answer(self) -> dict[str, Any] | None:
        line = self.process.answers.readline()
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
