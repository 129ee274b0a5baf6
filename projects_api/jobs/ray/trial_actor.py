"""On a node of Ray: the process that works on calls of a training, and who watches it."""

import os
import pickle
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from projects_api.engines.flaml import child_process
from projects_api.jobs.job_process import scratch_folder
from projects_api.jobs.ray.node import FOLDER

LOOK_SECONDS = 0.5
"""Between two looks at the memory of the process."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TOO_LARGE = pickle.dumps((0.0, None, MemoryError()))
Answer = tuple[bytes, dict[str, np.ndarray]]


class TrialActor:
    """An actor of Ray with a child process, which has the rows in a file of its node."""

    def __init__(self, rows: np.ndarray, most: int) -> None:
        """Start the process; it may hold `most` bytes, any number where that is 0."""
        root = Path(tempfile.gettempdir(), FOLDER, "scratch")
        self._most = most
        self._held = ExitStack()
        self._folder = self._held.enter_context(scratch_folder(root)) / "work"
        self._folder.mkdir()
        file = self._folder.with_name("shared.joblib")
        rows.tofile(file)
        self._process, self._connection = child_process.start(file, self._folder, threads=1)
        has_begun = self._connection.poll(child_process.START_SECONDS)
        if not has_begun or self._connection.recv() is not None:
            raise TimeoutError
        file.unlink()  # The process has it; nothing is left when both are killed.

    def is_ready(self) -> bool:
        """Return when the process is ready."""
        return True

    def work(self, call: bytes) -> Answer:
        """Pass a call on; give the answer with the files that the process wrote.

        Raises EOFError when the process has ended instead.
        """
        self._connection.send_bytes(call)
        while not self._connection.poll(LOOK_SECONDS):
            if self._most and self._memory_bytes() > self._most:
                self._process.kill()
                return TOO_LARGE, {}
        answer = self._connection.recv_bytes()
        files = {}
        for path in self._folder.iterdir():
            files[path.name] = np.fromfile(path, np.uint8)
            path.unlink()
        return answer, files

    def _memory_bytes(self) -> int:
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * PAGE_BYTES
