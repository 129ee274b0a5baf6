"""The process that has calls of a training worked on by nodes of Ray: started by `machines`.

`python -m projects_api.jobs.ray.trials ADDRESS FILE FOLDER NEEDED MOST`. Its standard input is a
socket on which connections come, each for one process on a node: an actor, which Ray places where
there is room. Actors belong to this process, so that Ray ends them when it ends.
"""

import logging
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayError

from projects_api.jobs.ray.trial_actor import TrialActor

LOOK_SECONDS = 0.2
"""Between two looks whether a process is still wanted."""
STARTS = 3
"""How often a process is begun whose node is lost before it is ready."""


def main() -> None:
    """Serve connections until no more can come."""
    address, file, folder, needed, most = sys.argv[1:]
    pool = socket.socket(fileno=os.dup(0))
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    rows = ray.put(np.memmap(file, np.uint8, "r").view(np.ndarray))
    service = _Service(rows, Path(folder), int(needed), int(most))
    while descriptor := _receive(pool):
        connection = Connection(descriptor)
        threading.Thread(target=service.serve, args=(connection,), daemon=True).start()
    # What actors still do is in vain; Ray ends them.
    os._exit(0)


def _receive(pool: socket.socket) -> int:
    """Wait for a connection; 0 when none comes any more."""
    descriptors: list[int] = []
    with suppress(ConnectionResetError):
        _, descriptors, _, _ = socket.recv_fds(pool, 1, 1)
    return descriptors[0] if descriptors else 0


@dataclass(frozen=True, slots=True)
class _Service:
    """What serves connections: the rows in Ray's store, where files go, the bytes of a process."""

    rows: Any
    folder: Path
    needed: int
    most: int

    def serve(self, connection: Connection) -> None:
        """Have a process on a node for as long as both live. In a thread of its own."""
        with connection, suppress(RayError, EOFError, OSError):
            actor = self._begin(connection)
            try:
                connection.send(None)
                while True:
                    call = connection.recv_bytes()
                    answer, files = _wait_for(actor.work.remote(call), connection)
                    for name, content in files.items():
                        content.tofile(self.folder / name)
                    connection.send_bytes(answer)
            finally:
                ray.kill(actor)

    def _begin(self, connection: Connection) -> Any:
        """Wait for a process to be ready somewhere."""
        attempt = 1
        while True:
            options = {"num_cpus": 1, "memory": self.needed, "max_restarts": 0}
            actor = ray.remote(TrialActor).options(**options).remote(self.rows, self.most)
            try:
                _wait_for(actor.is_ready.remote(), connection)
            except BaseException as error:
                ray.kill(actor)
                if not isinstance(error, RayError) or attempt == STARTS:
                    raise
            else:
                return actor
            attempt += 1
            time.sleep(LOOK_SECONDS)


def _wait_for(reference: Any, connection: Connection) -> Any:
    """Wait for what an actor answers; raises EOFError when nobody wants to hear it any more."""
    while not ray.wait([reference], timeout=LOOK_SECONDS)[0]:
        if connection.poll():  # Nothing is said before the answer: it is closed.
            raise EOFError
    return ray.get(reference)


if __name__ == "__main__":
    main()
