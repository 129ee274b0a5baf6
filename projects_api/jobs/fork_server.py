"""Processes that jobs are forked from: started when needed, kept for the next job of their kind.

To import what a job needs takes seconds; a process that has done so is copied in milliseconds.
`projects_api.jobs.__main__` is their side of it.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum, auto
from select import select
from typing import Any

from projects_api.jobs import messages
from projects_api.processes.starts import wait_or_kill

PROGRAM = "projects_api.jobs"
IDLE_SECONDS = 60.0
"""How long one waits for another job before it gives its memory back by ending."""


class State(Enum):
    """How far a fork server is with a job; only `IDLE` and `ENDED` take the next one."""

    IDLE = auto()
    FORKING = auto()
    RUNNING = auto()
    ENDED = auto()
    GONE = auto()


class ForkServer:
    """A process that jobs of one module are forked from, one at a time.

    `job_pid` is the process id of the job, and so that of its session; None until it is known.
    """

    job_pid: int | None = None
    _status: int = 0
    """The exit status of the job, or of this process once it is gone."""
    _state = State.IDLE

    def __init__(self, module: str, idle_seconds: float = IDLE_SECONDS) -> None:
        self._module = module
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", PROGRAM, module, str(idle_seconds)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def fork(self, task: Mapping[str, Any], output: int) -> None:
        """Have a process forked for a task, which writes to the descriptor `output`."""
        self.job_pid, self._state = None, State.FORKING
        with suppress(OSError):  # It has ended, and its exit status tells.
            socket.send_fds(self._socket, [b"\0"], [output])
            self._socket.sendall(json.dumps(task).encode() + b"\n")

    def begins(self) -> bool:
        """Wait until the job has its process; False when this one has ended instead."""
        self._hear()
        return self._state is State.RUNNING

    def has_ended(self) -> bool:
        """Return whether the job's process has ended, by itself or otherwise."""
        while self._is_at_work() and select([self._socket], [], [], 0)[0]:
            self._hear()
        return not self._is_at_work()

    def end(self) -> int:
        """End every process of the job; return the exit status, negative for a signal."""
        if not self.has_ended() and self._state is State.FORKING:
            self._process.kill()  # It may take long to load what it forks with.
        if self.job_pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.job_pid, signal.SIGKILL)
        while self._is_at_work():
            self._hear()
        if self._state is State.ENDED:
            _idle[self._module].append(self)
        return self._status

    def close(self) -> None:
        """Let it end, which has no job."""
        self._socket.close()
        wait_or_kill(self._process)

    def _is_at_work(self) -> bool:
        return self._state in {State.FORKING, State.RUNNING}

    def _hear(self) -> None:
        """Wait for what is told next."""
        match messages.receive(self._socket):
            case messages.Tag.BEGAN, pid:
                self.job_pid, self._state = pid, State.RUNNING
            case messages.Tag.ENDED, status:
                self._status, self._state = status, State.ENDED
            case _:
                self._status, self._state = self._process.wait(), State.GONE
                self._socket.close()


def begin(module: str, task: Mapping[str, Any], output: int) -> ForkServer:
    """Have a job begin that writes to `output`; it may still be loading what it needs."""
    for server in _waiting(module):
        server.fork(task, output)
        if server.begins():
            return server
    server = ForkServer(module)
    server.fork(task, output)
    return server


def _waiting(module: str) -> Iterator[ForkServer]:
    with suppress(IndexError):
        while True:
            yield _idle[module].pop()


def _close_all() -> None:
    for module in list(_idle):
        for server in _waiting(module):
            server.close()


_idle: dict[str, list[ForkServer]] = defaultdict(list)
atexit.register(_close_all)
