"""The reader processes of this server process: started when needed, kept warm, replaced."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from projects_api.server.tables.facts import NotATable

READER = "projects_api.server.tables.reader"
IMPORT_ROOT = Path(__file__).parents[2]
# A reader needs none of the server's secrets.
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG")
TASK_SECONDS = 120.0
ATTEMPTS = 2
GRACE_SECONDS = 5.0
# A reader that grew by more gives its memory back by ending.
KEPT_GROWTH_KIB = 128 * 1024


class TableReaderError(RuntimeError):
    """A reader process could not start, or met a fault that is not the file's."""


class ReaderPool:
    """At most `size` reader processes, shared by the threads of this process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._forget()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.close)

    def perform(self, task: str, paths: dict[str, Path], **options: object) -> Any:
        """Do a task of `tasks` in a reader process, waiting for one to be free.

        Raises NotATable when the file is none, takes more than TASK_SECONDS, or ends the reader
        twice; TableReaderError for what is no fault of the file.
        """
        message = {
            "task": task,
            "seconds": TASK_SECONDS,
            "paths": {name: str(path.resolve()) for name, path in paths.items()},
            "options": options,
        }
        for _ in range(ATTEMPTS):
            with self._free:
                answer = self._ask(message)
            if answer is not None:
                return _result(answer)
        raise NotATable(
            "Reading the file ended the process that read it: the file is damaged, or made to do "
            "so. Check that another program can read it, or write it again."
        )

    def close(self) -> None:
        """End the readers that have nothing to do."""
        while self._idle:
            self._idle.pop().end()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any] | None:
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = Reader()
        answer = reader.ask(message)
        if answer is not None and answer["grown_kib"] <= KEPT_GROWTH_KIB:
            self._idle.append(reader)
        elif reader.end() == -signal.SIGALRM:
            raise NotATable(
                f"Reading the table takes more than {message['seconds']:g} seconds. Send a "
                "smaller table, or the same one in several files."
            )
        return answer

    def _forget(self) -> None:
        """Begin anew, for the processes of a parent that forked are the parent's."""
        self._free = BoundedSemaphore(self._size)
        self._idle: deque[Reader] = deque()


class Reader:
    """One reader process, used by one thread at a time."""

    def __init__(self) -> None:
        """Start it and wait until it is ready; raises TableReaderError when it is not."""
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=IMPORT_ROOT,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            process_group=0,  # an interrupt from the keyboard is for the server, which ends it
            text=True,
            encoding="utf-8",
        )
        if self._answer() is None:
            raise TableReaderError(f"{READER} did not start: exit status {self.end()}")

    def ask(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Send a task and wait for the answer; None when the process ended instead."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        return self._answer()

    def end(self) -> int:
        """End the process and return its exit status, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # which ends it
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        return self._process.returncode

    def _answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
        return answer


def _result(answer: dict[str, Any]) -> Any:
    if "refusal" in answer:
        raise NotATable(answer["refusal"])
    if "failure" in answer:
        raise TableReaderError(answer["failure"])
    return answer["result"]
