"""A process that answers its parent: the child's side of `child_pool`.

It answers each JSON line on standard input with one on standard output. Its limits are the
kernel's, so that they hold inside libraries too: address space, size of a written file, and an
alarm that ends the process when a task takes too long. It ends when its parent does, and when it
had nothing to do for some minutes.
"""

import json
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from projects_api.processes.confinement import confine
from projects_api.processes.resource_limits import limit
from projects_api.processes.starts import MAX_MESSAGE_BYTES, PID_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may take: bytes of memory, bytes of one file, seconds without a task."""

    address_space_bytes: int
    written_file_bytes: int
    idle_seconds: float


def serve_copies(
    make: Callable[[], Callable[[dict[str, Any]], dict[str, Any]]], limits: Limits
) -> None:
    """Be copied whenever the parent asks for it, until it is gone; a copy does what `serve` does.

    The parent sends the folder of a copy, and the ends of its pipes, by the socket that is this
    process's standard input; it is told the copy's process id. A copy is confined to its folder
    before it is given anything. This process must have no threads.
    """
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a copy ended
    while True:
        message, pipes, *_ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 2)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, descriptor in enumerate(pipes):
                os.dup2(descriptor, number)
        for descriptor in pipes:
            os.close(descriptor)
        if pid == 0:
            folder = Path(os.fsdecode(message))
            if not folder.is_dir():
                os._exit(0)  # The parent was killed, and what it left is removed.
            confine(folder)
            serve(make(), limits)
        try:
            control.send(pid.to_bytes(PID_BYTES, "little"))
        except BrokenPipeError:
            return  # The parent was killed meanwhile.


def serve(perform: Callable[[dict[str, Any]], dict[str, Any]], limits: Limits) -> None:
    """Answer tasks until the parent is gone or nothing was asked for some time.

    What `perform` raises becomes the answer's `failure`, and the process goes on.
    """
    _limit_resources(limits)
    # Linux lets a process begin with the peak of the one that started it.
    first_peak = _peak_kib()
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tasks: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_receive, args=(tasks,), daemon=True).start()
    _send(answers, {"ready": True})
    while True:
        try:
            task = tasks.get(timeout=limits.idle_seconds)
        except Empty:
            os._exit(0)
        signal.setitimer(signal.ITIMER_REAL, task.pop("seconds"))
        try:
            answer = perform(task)
        except Exception:  # noqa: BLE001 - the parent raises it, and this process goes on
            answer = {"failure": traceback.format_exc()}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, {**answer, "grown_kib": _peak_kib() - first_peak})


def _limit_resources(limits: Limits) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for kind, most in (
        (resource.RLIMIT_AS, limits.address_space_bytes),
        (resource.RLIMIT_FSIZE, limits.written_file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        limit(kind, most)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _receive(tasks: SimpleQueue[dict[str, Any]]) -> None:
    """Take tasks while the parent lives; its death closes the pipe and ends a running task."""
    for line in sys.stdin:
        tasks.put(json.loads(line))
    os._exit(0)


def _send(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
