"""Files that are sent and fetched, piece by piece."""

from collections.abc import Callable
from hashlib import file_digest
from io import SEEK_SET, BytesIO
from pathlib import Path
from typing import BinaryIO

FileSource = Path | bytes
"""What is uploaded. Both can be read again where the request has to be repeated."""

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are done, of how many; None where nobody knows that yet."""

_SHA256_DIGITS = 64


class Counted:
    """A file that tells how far it is read."""

    def __init__(self, source: FileSource, on_progress: Progress | None) -> None:
        self._file: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        self._size = len(source) if isinstance(source, bytes) else source.stat().st_size
        self._on_progress = on_progress

    def read(self, size: int = -1) -> bytes:
        """Read a piece, and tell."""
        piece = self._file.read(size)
        if self._on_progress and piece:
            self._on_progress(self._file.tell(), self._size)
        return piece

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where it is."""
        return self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()


class PartialFile:
    """What there is of a download, beside its target: the bytes, and the tag that they belong to.

    Another process can go on with it, if this one is stopped.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._tag = target.with_name(f"{target.name}.part.tag")

    @property
    def tag(self) -> str:
        """The `ETag` of the file that it is a part of; empty where there is none."""
        is_there = self.path.exists() and self._tag.exists()
        return self._tag.read_text(encoding="ascii") if is_there else ""

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return self.path.stat().st_size

    def begin(self, tag: str) -> None:
        """Begin anew, with a file of another tag."""
        self.discard()
        if tag.startswith('"'):  # a weak one promises nothing about bytes
            self._tag.write_text(tag, encoding="ascii")

    def discard(self) -> None:
        """Remove all of it."""
        self._tag.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def is_whole(self, tag: str) -> bool:
        """Return whether the bytes are those whose SHA-256 the tag is; of other tags, true."""
        expected = tag.strip('"')
        if len(expected) != _SHA256_DIGITS:
            return True
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == expected

    def finish(self) -> None:
        """Put it in the target's place, at once and whole."""
        self.path.replace(self._target)
        self._tag.unlink(missing_ok=True)
