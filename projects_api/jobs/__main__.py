"""The process that jobs of one kind are forked from: `python -m projects_api.jobs MODULE SECONDS`.

A worker starts it, by `projects_api.jobs.fork_server`, and its standard input is a socket to the
worker. It has loaded what such jobs need, so that each begins at once. It ends when the worker
does, and when there was no job for so many seconds.
"""

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from select import select
from typing import NoReturn

from projects_api.jobs import messages, process

NICENESS = 5
"""Servers on the same machine come first."""


def main() -> NoReturn:
    """Fork a process for each task that comes, one at a time, and tell how it ended."""
    os.nice(NICENESS)
    module, idle_seconds = sys.argv[1], float(sys.argv[2])
    _load(module)
    worker = socket.socket(fileno=os.dup(0))
    children = _woken_by_children()
    while output := _receive_output(worker, idle_seconds):
        with worker.makefile("rb") as lines:
            task = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            process.begin(worker, output)
            process.work(task)
        os.close(output)
        status = _watch(pid, worker, children)
        with suppress(BrokenPipeError):  # It is gone, and this process will be.
            messages.send(worker, messages.Tag.ENDED, status)
    os._exit(0)


def _load(module: str) -> None:
    """Import what a job of this kind needs, where a process that has done so can be forked."""
    # On macOS, what libraries begin when they are loaded may not outlive a fork.
    if sys.platform == "linux":
        # What cannot be imported fails in the job, which tells why.
        with suppress(Exception):
            for name in getattr(import_module(module), "SLOW_IMPORTS", ()):
                import_module(name)
    gc.freeze()  # Or what jobs share would be copied when their garbage is collected.


def _woken_by_children() -> int:
    """Return a descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _receive_output(worker: socket.socket, seconds: float) -> int:
    """Wait for a task; give the descriptor that its output goes to, 0 when none comes any more."""
    if not select([worker], [], [], seconds)[0]:
        return 0
    descriptors: list[int] = []
    with suppress(ConnectionResetError):
        _, descriptors, _, _ = socket.recv_fds(worker, 1, 1)
    return descriptors[0] if descriptors else 0


def _watch(pid: int, worker: socket.socket, children: int) -> int:
    """Wait for a job's process; return its exit status, negative for a signal.

    A worker that says something meanwhile is gone: then all that the job started is ended too.
    """
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        sources: list[socket.socket | int] = [worker, children]
        if worker in select(sources, [], [])[0]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os._exit(1)
        os.read(children, 1024)


if __name__ == "__main__":
    main()
