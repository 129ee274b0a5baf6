"""How far a command is, drawn for a person at a terminal and for nobody else."""

# rich is imported when something is drawn: `--help` should not wait for it.
# ruff: noqa: PLC0415

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projects_api.files.progress import StageReport


@contextmanager
def drawn() -> "Iterator[StageReport]":
    """Give what draws a bar on standard error where that is a terminal, and otherwise nothing.

    What a command prints goes to standard output, untouched: a shell may keep it in a variable
    while the bar is looked at. The bar is gone when the block ends.
    """
    from projects_api.files.progress import tell_nobody

    if not sys.stderr.isatty():
        yield tell_nobody
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, redirect_stdout=False) as progress:
        bar = progress.add_task("", total=100)

        def draw(stage: str, percent: float) -> None:
            progress.update(bar, completed=percent, description=escape(stage))

        yield draw
