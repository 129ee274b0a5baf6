"""What a fork server tells the worker: which process a job has, and how that ended.

A job's life has four processes and three channels. The worker (a thread of a server, or the command
`worker`) starts a fork server for each kind of job, and has a socket to it. For each job the worker
sends a descriptor for the output and a task as a line of JSON; the fork server forks the job, which
sends `BEGAN`, and later sends `ENDED`. The output goes through a pipe, which the worker writes to
its log. Why a job failed stands in a file of its folder.
"""

import socket
from contextlib import suppress
from enum import Enum
from struct import Struct

_FORMAT = Struct("<ci")


class Tag(Enum):
    """What the number of a message is."""

    BEGAN = b"B"
    """The process id of the job, which is its session's, too."""
    ENDED = b"E"
    """Its exit status, negative for a signal."""


def send(worker: socket.socket, tag: Tag, number: int) -> None:
    """Send a message; raises BrokenPipeError where the worker is gone."""
    worker.sendall(_FORMAT.pack(tag.value, number))


def receive(fork_server: socket.socket) -> tuple[Tag, int] | None:
    """Wait for the next message; None where the fork server has ended instead."""
    message = b""
    with suppress(ConnectionResetError):
        message = fork_server.recv(_FORMAT.size, socket.MSG_WAITALL)
    if len(message) < _FORMAT.size:
        return None
    tag, number = _FORMAT.unpack(message)
    return Tag(tag), number
