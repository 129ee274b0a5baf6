"""The blocks of a page, and the shell and the Python into which tests paste them.

A comment ahead of a block says what a test does with it: `<!-- not run: why -->`, or
`<!-- file: name -->` for what is saved rather than pasted. `<!-- not run in this section: why -->`
holds for all blocks up to the next heading of the same rank.
"""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
LANGUAGES = {"sh", "python"}
"""Of blocks that are pasted."""
_END = "--- the block has ended ---"
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_SECTION_NOT_RUN = re.compile(r"<!-- not run in this section: (.+) -->")
_FILE = re.compile(r"<!-- file: (\S+) -->")
_PYTHON = f"""
import codeop, json, sys
names = {{"__name__": "__main__"}}
sys.displayhook = lambda _value: None  # a page shows what is printed
for block in sys.stdin:
    typed = []
    for line in [*json.loads(block).splitlines(), ""]:  # as the prompt takes them, one by one
        typed.append(line)
        if statement := codeop.compile_command("\\n".join(typed)):
            exec(statement, names)
            typed = []
    print({_END!r}, flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what it is, and what a comment says of it."""

    page: str
    line: int
    section: str
    language: str
    text: str
    file: str | None = None
    not_run: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Give the blocks of a page in their order."""
    found: list[Block] = []
    section, reason, comment = "", None, ""
    lines = iter(enumerate((ROOT / page).read_text().splitlines(), start=1))
    for number, line in lines:
        if line.startswith("```"):
            text = "".join(f"{each}\n" for _, each in _up_to_fence(lines))
            file, own = _FILE.fullmatch(comment), _NOT_RUN.fullmatch(comment)
            found.append(
                Block(
                    page,
                    number,
                    section,
                    line.removeprefix("```"),
                    text,
                    file=file[1] if file else None,
                    not_run=own[1] if own else reason,
                )
            )
        elif line.startswith("## "):
            section, reason = line.removeprefix("## "), None
        elif whole := _SECTION_NOT_RUN.fullmatch(line):
            reason = whole[1]
        comment = line
    return found


def runnable(page: str) -> list[Block]:
    """Give the blocks that are pasted or saved, in their order."""
    wanted = [block for block in blocks(page) if block.language in LANGUAGES or block.file]
    return [block for block in wanted if block.not_run is None]


def _up_to_fence(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if line.startswith("```"):
            return
        yield number, line


class _Reader:
    """A process that reads blocks, and tells when it is done with one."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def send(self, text: str, what: str) -> str:
        """Have it read a text; give what that printed, or fail with it."""
        patience = threading.Timer(PATIENCE, self._process.kill)
        patience.start()
        self._process.stdin.write(text)
        self._process.stdin.flush()
        printed = []
        for line in self._process.stdout:
            # What was printed last need not have ended its line.
            if line.endswith(f"{_END}\n"):
                patience.cancel()
                return "".join([*printed, line.removesuffix(f"{_END}\n")])
            printed.append(line)
        patience.cancel()
        raise AssertionError(f"{what} failed:\n{''.join(printed)}")


class Shell(_Reader):
    """A fresh shell that ends at the first command that fails."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(["bash", "--noprofile", "--norc"], folder, environment)
        self.paste("set -euo pipefail", "the beginning")

    def paste(self, text: str, what: str) -> str:
        (self.folder / ".block.sh").write_text(text)
        return self.send(f"source ./.block.sh < /dev/null\necho '{_END}'\n", what)

    def environment(self) -> dict[str, str]:
        """Give what a program gets that is started in it now."""
        text = self.paste("env -0", "env").rstrip("\0")
        return dict(one.split("=", 1) for one in text.split("\0"))


class Python(_Reader):
    """A Python that was started in a shell, and goes on from block to block."""

    def __init__(self, shell: Shell) -> None:
        environment = shell.environment()
        command = shutil.which("python", path=environment["PATH"])
        assert command
        super().__init__([command, "-u", "-c", _PYTHON], shell.folder, environment)

    def paste(self, text: str, what: str) -> str:
        return self.send(f"{json.dumps(text)}\n", what)


@contextmanager
def pasting(folder: Path, environment: dict[str, str]) -> Iterator["Session"]:
    """Give a session in a folder, which ends with the block."""
    with Shell(folder, environment) as shell:
        session = Session(shell)
        try:
            yield session
        finally:
            if session.python:
                session.python.__exit__(None, None, None)


class Session:
    """Somebody who pastes one block after the other, and reads what is printed."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.python: Python | None = None

    def paste(self, block: Block) -> str:
        """Do what the page means to be done with a block; give what it printed."""
        if block.file:
            (self.shell.folder / block.file).write_text(block.text)
            return ""
        if block.language == "sh":
            return self.shell.paste(block.text, block.place)
        assert block.language == "python", block.place
        self.python = self.python or Python(self.shell)
        return self.python.paste(block.text, block.place)
