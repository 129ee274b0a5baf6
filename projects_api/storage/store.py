"""Files of any size, addressed by the SHA-256 of their content, in a folder or in an S3 bucket."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from projects_api.files.content import CHUNK_BYTES, MEBIBYTE, Content
from projects_api.files.spool import Spool, StorageUnavailable, clean, unavailable
from projects_api.storage.addresses import folder_of, s3_store

REQUEST_BYTES = 8 * MEBIBYTE
"""What one request to an S3 store moves, and so what a transfer holds in memory at a time."""
MAX_PARTS = 10_000
"""S3's limit for one multipart upload."""

_KEYS = "sha256"
_WRONG = "wrong"
"""Where contents are marked that were read and found to be others than their names say."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_log = structlog.get_logger()


class ContentMissing(StorageUnavailable):
    """The store answers, but does not have a content that was put there."""


class ContentWrong(StorageUnavailable):
    """The store answers with other bytes than were put there: it was damaged, or altered."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"the store holds other bytes than those of the content {sha256}")


class ArtifactStore:
    """Contents under keys `sha256/ab/<64 hex digits>`.

    The URL is a folder (a path or `file:///...`) or
    `s3://bucket/prefix?endpoint=https://...&region=...`; S3 credentials come from the usual
    `AWS_*` environment variables. Safe to share between threads. A SHA-256 that is none raises
    ValueError; every fault of the store raises StorageUnavailable.
    """

    spool_folder: Path
    """Where bodies should be spooled: on the store's file system where it is a local folder."""

    def __init__(self, url: str, spool_folder: Path | None = None) -> None:
        """Open the store; `spool_folder` (default: the system's) is for S3 only.

        Raises ValueError for a URL that cannot be understood.
        """
        self._folder = folder_of(url)
        self._flushed: set[Path] = set()
        self._store: LocalStore | S3Store
        with _store_errors():
            if self._folder is None:
                self._store = s3_store(url, attempts=5, seconds=60)
                self._probe = s3_store(url, attempts=1, seconds=3)
                self.spool_folder = spool_folder or Path(tempfile.gettempdir())
            else:
                self._store = LocalStore(self._folder, mkdir=True)
                self.spool_folder = self._folder / "spool"
            self.spool_folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: Content, source: Path) -> None:
        """Store a file, which is left as it is; on return it is complete, durable and readable.

        No reader ever sees a part of it. What is there already is read, and replaced where it
        is not that content.
        """
        key = _key(content.sha256)
        if source.stat().st_size != content.size:
            raise ValueError(f"{source} is not the file that was described")
        with _store_errors():
            size = self._size(key)
            if size == content.size and self._is_right(content.sha256):
                return
            if self._folder is None:
                part = max(REQUEST_BYTES, -(-content.size // MAX_PARTS))
                self._store.put(key, source, chunk_size=part, max_concurrency=4)
            else:
                self._put_file(self._folder / key, source)
            if size is not None:
                self._mark(content.sha256, wrong=False)

    def _put_file(self, target: Path, source: Path) -> None:
        with Spool(self.spool_folder) as staged:
            _link_or_copy(source, staged.path, may_link=source.parent == self.spool_folder)
            _flush_to_disk(staged.path)
            self._make_folder(target.parent)
            staged.path.replace(target)
            _flush_to_disk(target.parent)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever made it may not have flushed its name yet, so each process does, once.
        if folder not in self._flushed:
            for parent in (folder.parent, folder.parents[1]):
                _flush_to_disk(parent)
            self._flushed.add(folder)

    def read(self, sha256: str) -> Iterator[bytes]:
        """Return a content in chunks of at most 1 MiB; the caller may take long over each.

        Raises ContentMissing at the first chunk when the store does not have it; ContentWrong
        where its bytes are others: at the last chunk, which nobody gets, and at the first one
        from then on.
        """
        _key(sha256)
        return self._read_checked(sha256)

    def _read_checked(self, sha256: str) -> Iterator[bytes]:
        if self._is_marked(sha256) and not self.verify(sha256):
            raise ContentWrong(sha256)
        digest, held = hashlib.sha256(), b""
        for chunk in self._read_bytes(sha256):
            digest.update(chunk)
            if held:
                yield held
            held = chunk
        if digest.hexdigest() != sha256:
            self._mark(sha256, wrong=True)
            raise ContentWrong(sha256)
        if held:
            yield held

    def _read_bytes(self, sha256: str) -> Iterator[bytes]:
        key = _key(sha256)
        return self._read_object(key) if self._folder is None else _read_file(self._folder / key)

    def verify(self, sha256: str) -> bool:
        """Read all of a content; return whether its bytes are those that its name says.

        Raises ContentMissing when the store does not have it.
        """
        digest = hashlib.sha256()
        for chunk in self._read_bytes(sha256):
            digest.update(chunk)
        is_right = digest.hexdigest() == sha256
        self._mark(sha256, wrong=not is_right)
        return is_right

    def _is_right(self, sha256: str) -> bool:
        try:
            return self.verify(sha256)
        except ContentMissing:
            return False  # It was collected meanwhile.

    def _is_marked(self, sha256: str) -> bool:
        return self._size(f"{_WRONG}/{sha256}") is not None

    def _mark(self, sha256: str, *, wrong: bool) -> None:
        """Tell all processes that share the store. A mark is a hint: who meets it looks anew."""
        mark = f"{_WRONG}/{sha256}"
        with suppress(StorageUnavailable), _store_errors():
            if wrong:
                _log.error("content_wrong", sha256=sha256)
                self._store.put(mark, b"")
            elif self._size(mark) is not None:
                self._store.delete(mark)

    def _read_object(self, key: str) -> Iterator[bytes]:
        # By ranges: one long answer would be cut by time limits when its reader is slow.
        with _reading():
            size = self._store.head(key)["size"]
        for start in range(0, size, REQUEST_BYTES):
            with _reading():
                end = min(start + REQUEST_BYTES, size)
                window = memoryview(self._store.get_range(key, start=start, end=end))
            for offset in range(0, len(window), CHUNK_BYTES):
                yield bytes(window[offset : offset + CHUNK_BYTES])

    def delete(self, sha256: str) -> None:
        """Remove a content; one that is absent is fine."""
        with _store_errors():
            if self._folder is None:
                self._store.delete(_key(sha256))
            else:
                (self._folder / _key(sha256)).unlink(missing_ok=True)
        self._mark(sha256, wrong=False)

    def contains(self, sha256: str) -> bool:
        """Return whether a content is there."""
        return self._size(_key(sha256)) is not None

    def list(self) -> Iterator[tuple[str, int]]:
        """Return the SHA-256 and the size in bytes of every content, in no order."""
        batches = iter(self._store.list(_KEYS, chunk_size=1000))
        while True:
            with _store_errors():
                batch = next(batches, None)
            if batch is None:
                return
            for entry in batch:
                sha256 = entry["path"].rpartition("/")[2]
                if _SHA256.fullmatch(sha256):
                    yield sha256, entry["size"]

    def check(self) -> None:
        """Reach the store, within 3 seconds; raises StorageUnavailable when it cannot be."""
        if self._folder is None:
            # A listing, because the answer to a HEAD does not tell a missing bucket from a key.
            with _store_errors():
                next(iter(self._probe.list("readiness")), None)
        else:
            with Spool(self.spool_folder) as spool:
                spool.write(b"readiness")
                spool.content()

    def clean_spool(self, older_than: timedelta) -> int:
        """Remove spooled files that a killed process left; return how many there were."""
        with _store_errors():
            return clean(self.spool_folder, older_than)

    def _size(self, key: str) -> int | None:
        with _store_errors():
            try:
                return self._store.head(key)["size"]
            except FileNotFoundError:
                return None


def _key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a SHA-256 in lower-case hex: {sha256!r}")
    return f"{_KEYS}/{sha256[:2]}/{sha256}"


def _read_file(path: Path) -> Iterator[bytes]:
    with _reading():
        file = path.open("rb", buffering=0)
    with file:
        while True:
            with _reading():
                chunk = file.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


def _link_or_copy(source: Path, target: Path, *, may_link: bool) -> None:
    # Only a spooled file may share its bytes with the store: nobody else writes to it. Some file
    # systems have no links.
    if may_link:
        with suppress(OSError):
            target.unlink()
            target.hardlink_to(source)
            return
    shutil.copyfile(source, target)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise unavailable(error, _first_line(error)) from error


@contextmanager
def _reading() -> Iterator[None]:
    with _store_errors():
        try:
            yield
        except FileNotFoundError as error:
            raise ContentMissing(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    # The library's messages go on with a dump of its structures.
    return str(error).partition("\n")[0]
