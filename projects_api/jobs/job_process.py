"""The process of one job as its worker sees it: started, watched, ended."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from projects_api.files.traces import held_folder, remove_abandoned
from projects_api.jobs import fork_server

MAX_LINE = 4_000
MAX_FAILURE = 100_000
_PREFIX = "job-"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROCESSES = Path("/proc")
_log = structlog.get_logger()


class JobProcess:
    """A process in a session of its own, so that all that it starts can be found and ended."""

    def __init__(self, task: Mapping[str, Any], folder: Path) -> None:
        """Start it on a task; `folder` is where it may write, and tells its failure."""
        self._failure = folder / "failure.json"
        self._stop = folder / "stop"
        self._job_id = task["job"]["id"]
        work = folder / "work"
        work.mkdir()
        places = {
            "folder": str(work),
            "failure": str(self._failure),
            "stop": str(self._stop),
        }
        environment = {**os.environ, "TMPDIR": str(folder)}
        reading, writing = os.pipe()
        self._reader = threading.Thread(
            target=self._read, args=(reading,), name="job-output", daemon=True
        )
        self._reader.start()
        try:
            whole = {**task, **places, "environment": environment}
            self._server = fork_server.begin(task["module"], whole, writing)
        finally:
            os.close(writing)

    def has_ended(self) -> bool:
        """Return whether the process has ended, by itself or otherwise."""
        return self._server.has_ended()

    def ask_to_stop(self) -> None:
        """Have it end early, with the results that it has. A file tells it, which it looks for."""
        if not self._stop.exists():
            self._stop.touch()

    def memory_bytes(self) -> int:
        """Add up the memory that the job's processes hold; 0 where the system does not tell."""
        session = self._server.job_pid
        if session is None:
            return 0
        return sum(_memory_bytes(folder, session) for folder in _PROCESSES.glob("[0-9]*"))

    def end(self) -> int:
        """End every process of the job; return the exit status, negative for a signal."""
        status = self._server.end()
        self._reader.join(1.0)
        return status

    def failure(self) -> dict[str, str]:
        """Return the message, and perhaps the traceback, that the process left; else nothing.

        It has `passes` where the same work may succeed later.
        """
        try:
            with self._failure.open() as file:
                found: dict[str, str] = json.loads(file.read(MAX_FAILURE))
        except (OSError, ValueError):
            return {}
        return found

    def _read(self, descriptor: int) -> None:
        with open(descriptor, "rb") as output:
            while line := output.readline(MAX_LINE):
                if text := line.decode("utf-8", "replace").rstrip():
                    _log.info("job_output", job_id=self._job_id, line=text)


def _memory_bytes(folder: Path, session: int) -> int:
    try:
        text = (folder / "stat").read_text()
    except OSError:
        return 0  # It ended meanwhile.
    # Behind the name, which may hold anything: 0 the state, 3 the session, 21 the resident pages.
    fields = text.rpartition(")")[2].split()
    return int(fields[21]) * _PAGE_BYTES if int(fields[3]) == session else 0


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """Make a folder for a job, removed when the block ends; remove those of dead workers."""
    root.mkdir(parents=True, exist_ok=True)
    clean_scratch(root)
    with held_folder(root.resolve(), _PREFIX) as folder:
        yield folder


def clean_scratch(root: Path) -> None:
    """Remove what killed workers left."""
    if removed := remove_abandoned(root, f"{_PREFIX}*"):
        _log.info("scratch_cleaned", count=removed)
