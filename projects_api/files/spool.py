"""Spools: temporary files for bodies while they arrive."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from projects_api.files.content import CHUNK_BYTES, Content, Digest

PREFIX = "projects-api-"
SUFFIX = ".spool"


class StorageUnavailable(Exception):
    """What keeps files cannot be reached, refuses the request or has no room."""


class TooLarge(Exception):
    """More bytes arrived than a spool may hold."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"more than {max_bytes} bytes")
        self.max_bytes = max_bytes


class Spool:
    """A temporary file for a body that arrives; it is gone when the `with` block ends."""

    path: Path
    _file: IO[bytes]

    def __init__(self, folder: Path | None = None, max_bytes: int | None = None) -> None:
        """Take the folder (default: the system's) and the most bytes that may be written."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._digest = Digest()

    def __enter__(self) -> Self:
        with _disk_errors():
            descriptor, name = tempfile.mkstemp(SUFFIX, PREFIX, self._folder)
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "wb", buffering=CHUNK_BYTES)
        return self

    def __exit__(self, *_: object) -> None:
        # Closing flushes, which fails again where the disk is full.
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises TooLarge, and writes nothing, when they do not fit; StorageUnavailable when
        the disk does not take them.
        """
        if self._max_bytes is not None and self._digest.size + len(chunk) > self._max_bytes:
            raise TooLarge(self._max_bytes)
        with _disk_errors():
            self._file.write(chunk)
        self._digest.update(chunk)

    def content(self) -> Content:
        """Describe what was written; the file at `path` holds all of it."""
        with _disk_errors():
            self._file.flush()
        return self._digest.content()


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(str(error)) from error
