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
from select import select
from typing import Any

from projects_api.processes.starts import wait_or_kill

PROGRAM = "projects_api.jobs"
IDLE_SECONDS = 60.0
"""How long one waits for another job before it gives its memory back by ending."""


class ForkServer:
    """A process that jobs of one module are forked from, one at a time.

    `job_pid` is the process id of the job, and so that of its session; None until it is known.
    """

    job_pid: int | None
    _status: int | None

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
        self.job_pid = self._status = None
        with suppress(OSError):  # It has ended, and its exit status tells.
            socket.send_fds(self._socket, [b"\0"], [output])
            self._socket.sendall(json.dumps(task).encode() + b"\n")

    def begins(self) -> bool:
        """Wait until the job has its process; False when this one has ended instead."""
        self._hear()
        return self._status is None

    def has_ended(self) -> bool:
        """Return whether the job's process has ended, by itself or otherwise."""
        while self._status is None and select([self._socket], [], [], 0)[0]:
            self._hear()
        return self._status is not None

    def end(self) -> int:
        """End every process of the job; return the exit status, negative for a signal."""
        if not self.has_ended() and self.job_pid is None:
            self._process.kill()  # It has not forked yet, and may take long to.
        if self.job_pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.job_pid, signal.SIGKILL)
        while self._status is None:
            self._hear()
        if self._process.returncode is None:
            _idle[self._module].append(self)
        return self._status

    def close(self) -> None:
        """Let it end, which has no job."""
        self._socket.close()
        wait_or_kill(self._process)

    def _hear(self) -> None:
        """Wait for what is told next: the job's process id, then its exit status."""
        told = b""
        with suppress(ConnectionResetError):
            told = self._socket.recv(4, socket.MSG_WAITALL)
        number = int.from_bytes(told, "little", signed=True)
        if not told:
            self._status = self._process.wait()
            self._socket.close()
        elif self.job_pid is None:
            self.job_pid = number
        else:
            self._status = number


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
