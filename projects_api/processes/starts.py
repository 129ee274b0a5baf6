"""How child processes start: a new interpreter, or a copy of one that has imported much."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from select import select
from typing import Any

Folders = Callable[[], AbstractContextManager[Path]]
"""Makes a folder for a process, which is gone when the block ends."""

IMPORT_ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 5.0
START_SECONDS = 60.0
"""For a template to import its module on a busy machine."""
MAX_MESSAGE_BYTES = 4096
PID_BYTES = 4


def wait_or_kill(process: subprocess.Popen[Any]) -> int:
    """Wait for a process that was told to end, kill it if it does not; return its exit status."""
    try:
        return process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Spawned:
    """A process with an interpreter of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = command[2]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=IMPORT_ROOT,
            env=dict(environment),
            process_group=0,  # an interrupt from the keyboard is for the server, which ends it
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.tasks, self.answers = self._process.stdin, self._process.stdout

    @contextmanager
    def given(self, file: Path | None) -> Iterator[dict[str, str]]:
        """Say where a file is, for the process reaches all that the server does."""
        yield {} if file is None else {"path": str(file)}

    def lives(self) -> bool:
        """Return whether the process has not ended by itself."""
        return self._process.poll() is None

    def end(self) -> int:
        """End the process and return its exit status, negative for a signal."""
        with suppress(BrokenPipeError):
            self.tasks.close()  # which ends it
        status = wait_or_kill(self._process)
        self.answers.close()
        return status


class Forked:
    """A copy of a template, with a folder of its own."""

    def __init__(
        self, name: str, pid: int, folder: Path, held: ExitStack, pipes: tuple[int, int]
    ) -> None:
        """Take over the pipes to it, and what `held` keeps until the end: its folder."""
        self.name, self.pid, self._folder, self._held = name, pid, folder, held
        self.tasks = os.fdopen(pipes[0], "w", encoding="utf-8")  # closed by `end`
        self.answers = os.fdopen(pipes[1], encoding="utf-8")
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    @contextmanager
    def given(self, file: Path | None) -> Iterator[dict[str, str]]:
        """Copy a file to the folder, out of which the process reads nothing, for one task."""
        if file is None:
            yield {}
            return
        copy = self._folder / "given"
        shutil.copyfile(file, copy)
        try:
            yield {"path": str(copy)}
        finally:
            copy.unlink(missing_ok=True)

    def lives(self) -> bool:
        """Return whether the process has not ended by itself."""
        return self._handle is not None and not select([self._handle], [], [], 0)[0]

    def end(self) -> None:
        """End the process; its exit status is its template's to know."""
        with suppress(BrokenPipeError):
            self.tasks.close()  # which ends it
        if self._handle is not None:
            if not select([self._handle], [], [], GRACE_SECONDS)[0]:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = None
        self.answers.close()
        self._held.close()


class TemplateGone(Exception):
    """A template has ended."""


class Template:
    """A process that has imported a module, and does nothing but to be copied."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folders: Folders
    ) -> None:
        self._name = command[2]
        self._folders = folders
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=IMPORT_ROOT,
                env=dict(environment),
                process_group=0,
            )

    def fork(self) -> Forked:
        """Make a copy. Raises `TemplateGone`."""
        held = ExitStack()
        folder = held.enter_context(self._folders())
        (their_tasks, tasks), (answers, their_answers) = os.pipe(), os.pipe()
        try:
            message = os.fsencode(folder)
            socket.send_fds(self._socket, [message], [their_tasks, their_answers])
            said = self._socket.recv(PID_BYTES)
        except OSError:
            said = b""
        finally:
            os.close(their_tasks)
            os.close(their_answers)
        if not said:
            os.close(tasks)
            os.close(answers)
            held.close()
            self.close()
            raise TemplateGone
        return Forked(self._name, int.from_bytes(said, "little"), folder, held, (tasks, answers))

    def close(self) -> None:
        """Let it end; its copies go on."""
        self._socket.close()
        wait_or_kill(self._process)
