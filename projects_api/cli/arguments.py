"""What a person names on the command line: addresses, keys, files to write; in plain words."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from projects_api.cli.common import FAILED, USAGE, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_PORT = 65_535
READABLE_BY_ITS_OWNER = 0o600


def server_or_end(url: str) -> str:
    """Give the address of a server without its last slash, or say that it is none and end."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65535, or half of an IPv6 address
        usable = False
    if not usable or not url.isprintable() or " " in url:
        fail(f"{url!r} is no address of a server, such as http://localhost:8888", USAGE)
    return url.rstrip("/")


def key_or_end(key: str) -> str:
    """Give a key that a header can have, or say that it is none and end."""
    if not (key.isascii() and key.isprintable() and key == key.strip()):
        fail("the key has letters that no key has: copy it once more", USAGE)
    return key


def write_or_end(file: Path, text: str) -> None:
    """Write a file that only its owner can read, even if it was there, or say why not and end."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            if file.is_file():
                os.fchmod(out.fileno(), READABLE_BY_ITS_OWNER)
            out.write(text.encode())
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror or error}", FAILED)


def print_table(rows: "Sequence[Sequence[str]]", *, terminal: bool) -> None:
    """Print rows, two blanks between columns; on a terminal in columns as wide as they look.

    The last column is never filled up: a long name takes its own line's end and no other's.
    """
    widths: list[int] = []
    if terminal and rows:
        from rich.cells import cell_len  # noqa: PLC0415 - it comes with typer

        columns = list(zip(*rows, strict=True))[:-1]
        widths = [max(map(cell_len, column)) for column in columns]
        rows = [
            [
                text + " " * (width - cell_len(text))
                for text, width in zip(row, widths, strict=False)
            ]
            + [row[-1]]
            for row in rows
        ]
    for row in rows:
        typer.echo("  ".join(row))
