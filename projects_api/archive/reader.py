"""Archives that come back: anybody's bytes, read within bounds and compared with their manifest."""

import re
import stat
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import orjson

from projects_api.archive.writer import FORMAT_VERSION, MANIFEST
from projects_api.files.content import Content, Digest
from projects_api.files.progress import ByteProgress, Report

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
"""The largest manifest that is read back; it describes about 100,000 files."""
MAX_FILES = 100_000
DENSE_FROM_BYTES = 16 * 1024 * 1024
"""Of less than this, an archive may make what it likes: that is no harm, and small tables shrink
well."""
MAX_DIRECTORY_BYTES = 32 * 1024 * 1024

_CHUNK_BYTES = 256 * 1024
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_LONGEST = 300
"""Characters of what an archive says that are shown again."""
# What zipfile lets out for damaged, encrypted (RuntimeError) and unknown kinds of archives.
_UNREADABLE = (
    BadZipFile,
    ArithmeticError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)


class ArchiveRefused(Exception):
    """An archive is no export, or not a whole one; `faults` are sentences for who sent it."""

    def __init__(self, *faults: str) -> None:
        super().__init__(" ".join(faults))
        self.faults = list(faults)


class ArchiveTooDense(ArchiveRefused):
    """An archive's files are many times as large as the archive."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a manifest says of a file."""

    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says that it holds; `files` are known by their paths."""

    document: dict[str, Any]
    files: dict[str, ListedFile]


class ArchiveReader:
    """An archive that is open. Nothing it says is believed, and no name of it becomes a path."""

    def __init__(self, archive: ZipFile, size: int) -> None:
        self._archive = archive
        self._size = size
        self._directory = archive.infolist()
        self._members = {member.filename: member for member in self._directory}
        if _overlap(self._directory, size):
            raise ArchiveRefused("The members of the archive overlap.")

    def directory_faults(self) -> list[str]:
        """Return the faults that the archive's directory shows, before anything else is read."""
        faults = [fault for member in self._directory for fault in _member_faults(member)]
        repeated = Counter(member.filename for member in self._directory)
        return faults + [
            f"{shown(name)} is in the archive {times} times."
            for name, times in repeated.items()
            if times > 1
        ]

    @property
    def manifest_bytes(self) -> int:
        """The size that the manifest is declared to have; 0 where there is none."""
        member = self._members.get(MANIFEST)
        return member.file_size if member else 0

    @property
    def unpacked_bytes(self) -> int:
        """What all of it is declared to have; nobody reads more of it than that."""
        return sum(member.file_size for member in self._directory)

    def check_ratio(self, most: float) -> None:
        """Refuse much that comes out of little; raises ArchiveTooDense. 0 is any ratio."""
        unpacked = self.unpacked_bytes
        if most and unpacked > max(most * self._size, DENSE_FROM_BYTES):
            raise ArchiveTooDense(
                f"The archive has {self._size} bytes and its files {unpacked}, which is more than "
                f"the {most:g} times that this server takes. Pack the same files again without "
                "compression (as `zip -0` does), or have the server's operator import it."
            )

    def read_manifest(self) -> Manifest:
        """Read what the archive says that it holds; raises ArchiveRefused."""
        member = self._members.get(MANIFEST)
        if member is None:
            raise ArchiveRefused(f"{MANIFEST!r} is missing from the archive.")
        if member.file_size > MAX_MANIFEST_BYTES:
            raise ArchiveRefused(f"{MANIFEST!r} is larger than {MAX_MANIFEST_BYTES} bytes.")
        try:
            with self._archive.open(member) as file:
                # Without a limit zipfile decompresses a gibibyte first and cuts it afterwards.
                document = orjson.loads(file.read(member.file_size))
        except _UNREADABLE as error:
            raise ArchiveRefused(f"{MANIFEST!r} cannot be read: {error}.") from error
        version = document.get("format_version") if isinstance(document, dict) else None
        if type(version) is not int or version != FORMAT_VERSION:
            raise ArchiveRefused(f"The format version {shown(version)} is not known.")
        return Manifest(document, _listed_files(document.get("files")))

    def file_faults(self, files: Mapping[str, ListedFile]) -> dict[str, str]:
        """Compare the directory with the manifest's files; give faults by the names they are of."""
        faults = {
            name: f"{shown(name)} is not in the manifest."
            for name in self._members
            if name != MANIFEST and name not in files
        }
        for name, file in files.items():
            member = self._members.get(name) if name != MANIFEST else None
            if member is None:
                faults[name] = f"{shown(name)} is missing from the archive."
            elif member.file_size != file.size:
                faults[name] = (
                    f"{shown(name)} has {member.file_size} bytes where the manifest says "
                    f"{file.size}."
                )
        return faults

    def read(self, name: str, file: ListedFile, digest: Digest) -> Iterator[bytes]:
        """Yield a file in pieces of 256 KiB; raises ArchiveRefused where it is another one.

        What was read is good only when all of it was. `digest` takes it too.
        """
        try:
            content = self._archive.open(self._members[name])
        except _UNREADABLE as error:
            raise ArchiveRefused(f"{shown(name)} cannot be read: {error}.") from error
        with content:
            while chunk := _next_chunk(content.read, name):
                digest.update(chunk)
                yield chunk
        if digest.content().sha256 != file.sha256:
            raise ArchiveRefused(f"{shown(name)} has another SHA-256 than the manifest says.")

    def extract(self, name: str, file: ListedFile, target: Path, progress: ByteProgress) -> Content:
        """Write a file to a path of the caller's choice; raises ArchiveRefused, or OSError."""
        digest = Digest()
        with target.open("wb") as written:
            for chunk in self.read(name, file, digest):
                written.write(chunk)
                progress.add(len(chunk))
        return digest.content()


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an archive; raises ArchiveRefused when it is none, OSError when there is no file."""
    with _Bounded(path) as file:
        try:
            archive = ZipFile(file)
        except _UNREADABLE as error:
            raise ArchiveRefused(
                f"The file is not a ZIP archive that can be read: {error}."
            ) from error
        with archive:
            yield ArchiveReader(archive, path.stat().st_size)


def verify_archive(path: Path, report: Report = lambda _percent: None) -> list[str]:
    """Compare an archive with its manifest; return the faults as sentences, none when it is good.

    Nothing is extracted, and no more is decompressed than the archive declares. `report` is told
    how far that is, in percent. Raises OSError when the file cannot be read.
    """
    try:
        with open_archive(path) as archive:
            return list(_all_faults(archive, report))
    except ArchiveRefused as refused:
        return refused.faults


def shown(value: Any) -> str:
    """Quote something that an archive says, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _all_faults(archive: ArchiveReader, report: Report) -> Iterator[str]:
    yield from archive.directory_faults()
    try:
        files = archive.read_manifest().files
    except ArchiveRefused as refused:
        yield from refused.faults
        return
    different = archive.file_faults(files)
    yield from different.values()
    alike = files.keys() - different.keys()
    progress = ByteProgress(sum(files[name].size for name in alike), report)
    for name in alike:
        try:
            for chunk in archive.read(name, files[name], Digest()):
                progress.add(len(chunk))
        except ArchiveRefused as refused:
            yield from refused.faults


class _Bounded(FileIO):
    """A file of which nobody reads as much at once as an endless directory of an archive is."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise BadZipFile(f"its directory is larger than {MAX_DIRECTORY_BYTES} bytes")
        data = super().read(size)
        if data.count(_DIRECTORY_ENTRY) > MAX_FILES:
            raise BadZipFile(f"it has more than {MAX_FILES} files")
        return data


def _next_chunk(read: Any, name: str) -> bytes:
    try:
        chunk: bytes = read(_CHUNK_BYTES)
    except _UNREADABLE as error:
        raise ArchiveRefused(f"{shown(name)} cannot be read: {error}.") from error
    return chunk


def _overlap(members: list[ZipInfo], size: int) -> bool:
    # Members that share bytes are how a small archive declares an endless one.
    places = sorted((member.header_offset, member.compress_size) for member in members)
    return any(
        start + _LOCAL_HEADER_BYTES + length > following
        for (start, length), (following, _) in pairwise([*places, (size, 0)])
    )


def _member_faults(member: ZipInfo) -> Iterator[str]:
    # The name as it was written: what follows a NUL or stands for a separator is not hidden.
    name = member.orig_filename
    segments = re.split(r"[/\\]", name)
    if not {"", ".", ".."}.isdisjoint(segments) or re.search(r"[\x00-\x1f\\:]", name):
        yield f"{shown(name)} is no plain relative path of a file."
    if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
        yield f"{shown(name)} is no regular file."
    if member.flag_bits & _ENCRYPTED:
        yield f"{shown(name)} is encrypted."
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        # Others may ask for gigabytes of memory before the first byte.
        yield f"{shown(name)} is neither stored nor deflated."


def _listed_files(entries: Any) -> dict[str, ListedFile]:
    files: dict[str, ListedFile] = {}
    if not isinstance(entries, list):
        raise ArchiveRefused("The manifest has no list of files.")
    for entry in entries:
        match entry:
            case {
                "path": str(path),
                "size_bytes": int(size),
                "sha256": str(sha256),
                "media_type": str(media_type),
            } if path not in files:
                files[path] = ListedFile(size, sha256, media_type)
            case {"path": str(path)} if path in files:
                raise ArchiveRefused(f"The manifest lists {shown(path)} twice.")
            case _:
                raise ArchiveRefused(f"The manifest describes no file with {shown(entry)}.")
    return files
