"""A process that has imported what the commands import, and forks one for each command.

Most of what a short command does is to import; hundreds of them are a third of all tests' time.
What is forked is the command itself: its arguments, environment, folder, exit and signals are its
own. Tests of the wheel, of the pages and of ephemeral servers go on to start real interpreters.
"""

import array
import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, NoReturn

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1 << 20
PRELOADED = (
    *("alembic.autogenerate", "alembic.command", "connexion", "psycopg"),
    *("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"),
    *("uvicorn", "uvicorn.protocols.http.httptools_impl", "starlette.middleware.cors"),
    *("projects_api.access.rules", "projects_api.app.backup", "projects_api.app.services"),
    *("projects_api.archive.importing", "projects_api.cli", "projects_api.handlers"),
)


class Forked:
    """A command that was forked, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, status: IO[bytes]) -> None:
        self._status = status
        self.pid = int(status.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._take()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("projects-api", timeout or 0)
            self._take()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _take(self) -> None:
        line = self._status.readline()
        assert line, "the process that forks has ended"
        self.returncode = int(line)
        self._status.close()


class Forker:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=ROOT, stdin=theirs, stdout=subprocess.DEVNULL
        )
        theirs.close()
        atexit.register(self._end)

    def start(
        self,
        arguments: list[str],
        *,
        folder: Path,
        environment: dict[str, str],
        umask: int,
        output: IO[bytes],
        errors: IO[bytes],
    ) -> Forked:
        """Start a command; its files may be closed afterwards."""
        reading, writing = os.pipe()
        about = [arguments, str(folder), environment, umask]
        files = array.array("i", [output.fileno(), errors.fileno(), writing])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        with self._lock:
            self._socket.sendmsg([json.dumps(about).encode()], ancillary)
        os.close(writing)
        return Forked(os.fdopen(reading, "rb", buffering=0))

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(10)


@cache
def forker() -> Forker:
    """Return the one of this process of the tests."""
    return Forker()


def _serve(requests: socket.socket) -> None:
    """Fork what is asked for until nobody is there to ask; return in what is forked."""
    ended, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, ended], [], [])
        if ended in ready:
            os.read(ended, 1024)
            _reap(running)
        if requests in ready:
            message, files, _, _ = socket.recv_fds(requests, MOST_BYTES, 3)
            if not message:
                os._exit(0)
            if _fork(message, files, running):
                return


def _reap(running: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            status = running.pop(found[0])
            with suppress(BrokenPipeError):
                os.write(status, b"%d\n" % os.waitstatus_to_exitcode(found[1]))
            os.close(status)


def _fork(message: bytes, files: list[int], running: dict[int, int]) -> bool:
    """Return whether this is the new process, which is then set up."""
    output, errors, status = files
    pid = os.fork()
    if pid:
        running[pid] = status
        os.write(status, b"%d\n" % pid)
        os.close(output)
        os.close(errors)
        return False
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    arguments, folder, environment, umask = json.loads(message)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, max(*files, *running.values(), 64) + 1)
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [str(Path(sys.executable).with_name("projects-api")), *arguments]
    return True


def _preload() -> None:
    """Import what nearly every command does, and what no environment changes."""
    for name in PRELOADED:
        importlib.import_module(name)
    # It chooses when it is imported how several processes count.
    assert "prometheus_client" not in sys.modules


def main() -> NoReturn:
    """Fork commands; in each of them, run it."""
    _preload()
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=os.dup(0)))
    try:
        importlib.import_module("projects_api.cli").app(prog_name="projects-api")
    except SystemExit as end:
        _end(end.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        _end(1)
    _end(0)


def _end(code: object) -> NoReturn:
    """End as Python does, but visit no memory that is shared, which takes half a second."""
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
