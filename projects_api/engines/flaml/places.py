"""Places where calls are worked on, one at a time: a process of this machine or of another one."""

import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from projects_api.engines.flaml import child_process
from projects_api.engines.flaml.executor import Assigned
from projects_api.engines.interface import Candidate


class Place:
    """A process behind a connection, and the call that it works on."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.assigned: Assigned | None = None
        self.is_ready = False
        self._since = time.monotonic()

    def is_free(self) -> bool:
        """Return whether it can be given a call."""
        return not self.assigned

    def send(self, assigned: Assigned) -> None:
        """Let it work on a call, as soon as it has begun."""
        self.assigned = assigned
        if self.is_ready:
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
            self.is_ready, self._since = True, time.monotonic()
        elif self.assigned:
            assigned, self.assigned = self.assigned, None
            taken, result, error = said
            assigned.end(taken, self._here(result), error)
        return True

    def is_late(self, grace_seconds: float) -> bool:
        """Return whether it takes longer than anything should."""
        allowed = child_process.START_SECONDS
        if self.is_ready:
            if not self.assigned:
                return False
            allowed = grace_seconds + 2 * max(self.assigned.seconds, 0)
        return time.monotonic() - self._since > allowed

    def kill(self) -> None:
        """End it at once."""
        self.connection.close()

    def _here(self, result: object) -> object:
        """Give a result as it is true on this machine."""
        return result


class Process(Place):
    """A child of this process."""

    def __init__(self, file: Path, folder: Path, threads: int) -> None:
        self._process, connection = child_process.start(file, folder, threads)
        self.pid = self._process.pid
        super().__init__(connection)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        super().kill()


class RemoteProcess(Place):
    """One of another machine, which may never have room for it: it is given no call before."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._folder = folder
        super().__init__(connection)

    def is_free(self) -> bool:
        """Return whether it can be given a call."""
        return self.is_ready and not self.assigned

    def is_late(self, grace_seconds: float) -> bool:
        """Return whether it takes longer than anything should; it may wait for its place."""
        return self.is_ready and super().is_late(grace_seconds)

    def _here(self, result: object) -> object:
        if isinstance(result, Candidate):  # Its file has come before.
            return replace(result, path=self._folder / result.path.name)
        return result
