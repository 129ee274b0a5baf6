"""Spools: temporary files for bodies while they arrive."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import time
from typing import IO, Self

from projects_api.files.content import CHUNK_BYTES, Content, Digest
from projects_api.files.room import lacks_room
from projects_api.files.traces import hold, remove_abandoned

PREFIX = "projects-api-"
SUFFIX = ".spool"
_RANDOM = "?" * 8
"""What `tempfile` puts between the two."""


class StorageUnavailable(Exception):
    """What keeps files cannot be reached, refuses the request or has no room."""


class StorageFull(StorageUnavailable):
    """What keeps files has no room."""


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
        while True:
            with _disk_errors():
                descriptor, name = tempfile.mkstemp(SUFFIX, PREFIX, self._folder)
            self.path = Path(name)
            if hold(self.path, descriptor):
                self._file = os.fdopen(descriptor, "wb", buffering=CHUNK_BYTES)
                return self
            os.close(descriptor)

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


def clean(folder: Path, older_than: timedelta) -> int:
    """Remove spools that a killed process left in a folder; return how many there were.

    A file whose name begins as a spool's belongs to it, and goes when the spool has gone.
    `older_than` is for file systems without locks, and must exceed the time that any request takes.
    """
    limit = time() - older_than.total_seconds()
    removed = remove_abandoned(folder, f"{PREFIX}{_RANDOM}{SUFFIX}")
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        whole = path.with_name(f"{path.name[: len(PREFIX) + _RANDOM.count('?')]}{SUFFIX}")
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < limit or not whole.exists():
                path.unlink()
                removed += 1
    return removed


def unavailable(error: Exception, told: str) -> StorageUnavailable:
    """Make what is raised of a fault of a disk or a store, with what is told of it."""
    return (StorageFull if lacks_room(error) else StorageUnavailable)(told)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unavailable(error, str(error)) from error
