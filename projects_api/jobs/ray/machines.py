"""The nodes of Ray as other machines of a training, as a job's process sees them.

The library of Ray is in a child process, `trials`, whose end is the end of all that works there.
"""

import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from projects_api.settings import Settings

PROGRAM = "projects_api.jobs.ray.trials"


class Machines:
    """A process that asks Ray for places, and passes calls on; started when it is needed."""

    def __init__(self, address: str, places: int) -> None:
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.places = places

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Give those that a job has on Ray beside its own node; None where there are none."""
        places = settings.ray_training_cpus - max(1, int(settings.ray_job_cpus))
        if settings.job_engine != "ray" or places < 1:
            return None
        return cls(settings.ray_address, places)

    def begin(self, file: Path, folder: Path, needed: int, most: int | None) -> None:
        """Send a file to the nodes; see `engines.interface.Remote`."""
        self._socket, theirs = socket.socketpair()
        facts = (self._address, file, folder, needed, most or 0)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", PROGRAM, *map(str, facts)],
                stdin=theirs.fileno(),
            )

    def connect(self) -> Connection:
        """Ask for a process on a node. Raises OSError where Ray is away."""
        if self._socket is None:
            raise ConnectionError
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._socket, [b"\0"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        return Connection(ours.detach())

    def close(self) -> None:
        """End the process, and so all that works for it."""
        if self._process and self._socket:
            self._process.kill()
            self._process.wait()
            self._socket.close()
        self._process = self._socket = None
