"""What a file holds: its SHA-256, size and CRC-32, told while its bytes pass."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

# The same CRC-32 in a tenth of the time of the standard library's.
from isal.isal_zlib import crc32

MEBIBYTE = 1024 * 1024
CHUNK_BYTES = MEBIBYTE


@dataclass(frozen=True, slots=True)
class Content:
    """What a stored file is known by: SHA-256 in lower-case hex, size in bytes, CRC-32."""

    sha256: str
    size: int
    crc32: int


class Digest:
    """The description of a content, computed while its bytes pass."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._sha256.update(chunk)
        self._crc32 = crc32(chunk, self._crc32)
        self.size += len(chunk)

    def content(self) -> Content:
        """Describe the bytes so far."""
        return Content(self._sha256.hexdigest(), self.size, self._crc32)


def describe(path: Path) -> Content:
    """Describe a file that exists already; raises OSError when it cannot be read."""
    digest = Digest()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.content()
