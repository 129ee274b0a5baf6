"""The start of a process that works on calls. Loads no machine learning library itself."""

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

PROGRAM = "projects_api.engines.flaml.worker_process"
START_SECONDS = 600.0
"""For a process to begin, which takes four on a machine that has nothing else to do."""
_THREADS = ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def start(file: Path, folder: Path, threads: int) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start a process with so many threads, and give what it is spoken with.

    `file` holds what is shared, and what models are written to goes into `folder`. It sends None
    once it is ready, and then an answer for each call. It ends with the thread that started it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", PROGRAM, str(file), str(folder)],
            stdin=theirs.fileno(),
            env=os.environ | dict.fromkeys(_THREADS, str(threads)),
        )
    return process, Connection(ours.detach())
