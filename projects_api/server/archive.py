"""Projects as ZIP archives: written as a stream, named safely, checked without being extracted."""

import hashlib
import os
import re
import stat
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import BadZipFile, ZipFile, ZipInfo

import orjson
from stream_zip import (
    NO_COMPRESSION_64,
    ZIP_AUTO,
    CRC32IntegrityError,
    Method,
    UncompressedSizeIntegrityError,
    stream_zip,
)

from projects_api.server.artifact_store import Content

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
"""The largest manifest that is read back; it describes about 100,000 files."""

_CHUNK_BYTES = 256 * 1024
_FILE_MODE = stat.S_IFREG | 0o644
# ZIP's own times begin in 1980, and those of its Unix extension end in 2038.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
_LATEST = datetime(2037, 12, 31, 23, 59, 58, tzinfo=UTC)
_TEXT = re.compile(r"text/.*|application/(.*\+)?(json|xml)|application/x-ndjson|image/svg\+xml")
_MAX_DEFLATED_END = 4_000_000_000
"""Where in an archive, in bytes, deflated members end; below 4 GiB, with room for their headers."""

_SEPARATORS = re.compile(r'[/\\:*?"<>|]')
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE
)
_LONGEST_SUFFIX = 16
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


@dataclass(frozen=True, slots=True)
class Member:
    """A file for an archive: its path there, and how to read it when its turn comes."""

    path: str
    content: Content
    media_type: str
    read: Callable[[], Iterator[bytes]]
    modified_at: datetime


def write_archive(manifest: Mapping[str, object], members: Iterable[Member]) -> Iterator[bytes]:
    """Give an archive in chunks of at most 256 KiB, `manifest.json` first, in constant memory.

    No member is read before its turn. Whatever `read` raises, and a member whose bytes are not
    the described ones (stream_zip.ZipIntegrityError), ends the stream without the directory that
    makes it an archive.
    """
    return iter(stream_zip(_entries(manifest, members), chunk_size=_CHUNK_BYTES))


def _entries(
    manifest: Mapping[str, object], members: Iterable[Member]
) -> Iterator[tuple[str, datetime, int, Method, Iterable[bytes]]]:
    text = orjson.dumps(dict(manifest), option=orjson.OPT_INDENT_2)
    method = ZIP_AUTO(len(text), level=1)
    yield MANIFEST, datetime.now(UTC), _FILE_MODE, method, [text]
    end = len(text) + 1024
    for member in members:
        end += member.content.size + 1024
        modified_at = min(max(member.modified_at.astimezone(UTC), _EARLIEST), _LATEST)
        method = _method(member, end)
        yield member.path, modified_at, _FILE_MODE, method, _checked(member)


def _method(member: Member, end: int) -> Method:
    # Java before 22 cannot read a deflated ZIP64 member from a stream, only a stored one whose
    # size and CRC-32 stand ahead: where ZIP64 begins, deflation ends.
    if (
        _TEXT.fullmatch(member.media_type.partition(";")[0].strip().lower())
        and end <= _MAX_DEFLATED_END
    ):
        return ZIP_AUTO(member.content.size, level=1)
    return NO_COMPRESSION_64(member.content.size, member.content.crc32)


def _checked(member: Member) -> Iterator[bytes]:
    size = crc32 = 0
    for chunk in member.read():
        size += len(chunk)
        crc32 = zlib.crc32(chunk, crc32)
        yield chunk
    if size != member.content.size:
        raise UncompressedSizeIntegrityError(f"{member.path}: {size} bytes were read")
    if crc32 != member.content.crc32:
        raise CRC32IntegrityError(f"{member.path}: other bytes were read than were stored")


def safe_file_name(text: str, default: str = "project", max_bytes: int = 180) -> str:
    """Make text a file name on every system: one segment, NFC, at most `max_bytes` of UTF-8.

    A short suffix survives the cut. Text of which nothing is left becomes the default.
    """
    spaced = (" " if one.isspace() else one for one in text)
    kept = "".join(one for one in spaced if unicodedata.category(one) not in _UNSEEN)
    normal = unicodedata.normalize("NFC", _SEPARATORS.sub("_", kept))
    name = " ".join(normal.split()).lstrip(". ")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    if len(name.encode()) > max_bytes:
        name = _shortened(name, max_bytes)
    return name.rstrip(". ") or default


def _shortened(name: str, max_bytes: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    tail = dot + suffix if stem and len(suffix.encode()) <= _LONGEST_SUFFIX else ""
    head = name.removesuffix(tail).encode()[: max_bytes - len(tail.encode())]
    return head.decode(errors="ignore").rstrip(". ") + tail


def content_disposition(file_name: str) -> str:
    """Give the header's value (RFC 6266) that offers a download under a safe form of a name."""
    name = safe_file_name(file_name)
    letters = unicodedata.normalize("NFKD", name)
    unaccented = "".join(one for one in letters if not unicodedata.combining(one))
    # Compatibility forms of dots and separators are real ones by now: made safe once more.
    fallback = re.sub(r"[^ -~]|%", "_", safe_file_name(unaccented))
    encoded = quote(name, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"


def verify_archive(path: Path) -> list[str]:
    """Compare an archive with its manifest; return the faults as sentences, none when it is good.

    Nothing is extracted, and no more is decompressed than the archive declares. Raises OSError
    when the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            with ZipFile(file) as archive:
                return _faults(archive, os.fstat(file.fileno()).st_size)
        except _UNREADABLE as error:
            return [f"The file is not a ZIP archive that can be read: {error}."]


def _faults(archive: ZipFile, size: int) -> list[str]:
    members = archive.infolist()
    # Members that share bytes are how a small archive declares an endless one.
    if sum(member.compress_size for member in members) > size:
        return ["The members of the archive overlap."]
    faults = [fault for member in members for fault in _member_faults(member)]
    repeated = Counter(member.filename for member in members)
    faults += [f"{name!r} is in the archive {n} times." for name, n in repeated.items() if n > 1]
    try:
        files = _read_manifest(archive)
    except _ManifestError as error:
        return [*faults, str(error)]
    present = {member.filename: member for member in members if member.filename != MANIFEST}
    faults += [f"{name!r} is not in the manifest." for name in present if name not in files]
    for name, file in files.items():
        if name not in present:
            faults.append(f"{name!r} is missing from the archive.")
        elif fault := _content_fault(archive, present[name], file):
            faults.append(f"{name!r} {fault}.")
    return faults


def _member_faults(member: ZipInfo) -> Iterator[str]:
    # The name as it was written: what follows a NUL or stands for a separator is not hidden.
    name = member.orig_filename
    segments = re.split(r"[/\\]", name)
    if not {"", ".", ".."}.isdisjoint(segments) or re.search(r"[\x00-\x1f\\:]", name):
        yield f"{name!r} is no plain relative path of a file."
    if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
        yield f"{name!r} is no regular file."


class _ManifestError(Exception):
    """A manifest that cannot be relied on."""


@dataclass(frozen=True, slots=True)
class _File:
    size: int
    sha256: str


def _read_manifest(archive: ZipFile) -> dict[str, _File]:
    try:
        member = archive.getinfo(MANIFEST)
    except KeyError:
        raise _ManifestError(f"{MANIFEST!r} is missing from the archive.") from None
    if member.file_size > MAX_MANIFEST_BYTES:
        raise _ManifestError(f"{MANIFEST!r} is larger than {MAX_MANIFEST_BYTES} bytes.")
    try:
        with archive.open(member) as file:
            # Without a limit zipfile decompresses a gibibyte first and cuts it afterwards.
            manifest = orjson.loads(file.read(member.file_size))
    except _UNREADABLE as error:
        raise _ManifestError(f"{MANIFEST!r} cannot be read: {error}.") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if type(version) is not int or version != FORMAT_VERSION:
        raise _ManifestError(f"The format version {version!r} is not known.")
    return _listed_files(manifest.get("files"))


def _listed_files(entries: Any) -> dict[str, _File]:
    files: dict[str, _File] = {}
    if not isinstance(entries, list):
        raise _ManifestError("The manifest has no list of files.")
    for entry in entries:
        match entry:
            case {
                "path": str(path),
                "size_bytes": int(size),
                "sha256": str(sha256),
                "media_type": str(),
            } if path not in files:
                files[path] = _File(size, sha256)
            case {"path": str(path)} if path in files:
                raise _ManifestError(f"The manifest lists {path!r} twice.")
            case _:
                raise _ManifestError(f"The manifest describes no file with {entry!r}.")
    return files


def _content_fault(archive: ZipFile, member: ZipInfo, file: _File) -> str | None:
    if member.file_size != file.size:
        return f"has {member.file_size} bytes where the manifest says {file.size}"
    digest = hashlib.sha256()
    try:
        with archive.open(member) as content:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
    except _UNREADABLE as error:
        return f"cannot be read: {error}"
    if digest.hexdigest() != file.sha256:
        return "has another SHA-256 than the manifest says"
    return None
