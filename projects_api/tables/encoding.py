"""The encoding of a CSV file, and its text as UTF-8."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import chardet
from chardet import EncodingEra

from projects_api.tables.facts import NotATable
from projects_api.tables.signatures import ADVICE, refuse_other_bytes

CHUNK_BYTES = 1024 * 1024
SAMPLE_BYTES = 1024 * 1024
TAIL_BYTES = 16
BYTE_ORDER_MARKS = {  # the marks of UTF-32 begin with those of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
MARK_BEFORE_LINE = re.compile(f"(^|[\r\n]){MARK}")
END_OF_FILE = "\x1a"
"""What CP/M and DOS wrote at the end of a text."""
ONLY_END_OF_FILE = re.compile(f"(^|[\r\n]){END_OF_FILE}+\\Z")
"""Alone behind the last line; one that ends a value is a part of it."""
# Codecs of Python that are none of texts in files, or whose decoding can be told anything, such as
# halves of characters. As `codecs` names them, which is with hyphens.
NO_ENCODINGS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}
WESTERN = "windows-1252"
# Those in which people still send files; of the others, short texts look like any.
ERAS = EncodingEra.MODERN_WEB | EncodingEra.LEGACY_ISO | EncodingEra.DOS
# What people write with accents from Iceland to Portugal, and what word processors make of marks.
WESTERN_CHARACTERS = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœÐðÞþ€£§©®°±²³µ·º½¼¾«»„—…•ª¿¡"
    "\u2018\u2019\u201c\u201d\u2013\xb4\xd7\xa0"
)
ACCENTED_RUN = re.compile(r"[^\x00-\x7f]+")
LONGEST_WESTERN_RUN = 2
HAS_NUL = (
    "The file contains NUL characters, so it is binary or in UTF-16 without a byte order mark. "
    "Save it as CSV in UTF-8 and send it again, or send `encoding=utf-16-le` or "
    "`encoding=utf-16-be`."
)
NEWLINE = b"\n"
UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def find_encoding(path: Path, given: str | None = None) -> tuple[str, bool]:
    """Find the encoding of a text, and tell whether it is a guess.

    It is the one that is given, that of the byte order mark, UTF-8 where every byte of the file
    is, or else what `chardet` takes it for; Windows-1252 where its letters with accents are those
    of Western languages. Raises NotATable for what is no text, is empty, is not in the encoding
    that was given, and for a text of which a few bytes are not the UTF-8 that the others are.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        refuse_other_bytes(head, file.read())
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    if given:
        _check_given(path, given)
        return codec_name(given), False
    if marked:
        return _checked(path, marked), False
    if b"\0" in head:
        raise NotATable(HAS_NUL)
    try:
        _check(path, "utf-8")
    except UnicodeError:
        return _detected(path), True
    return "utf-8", False


def codec_name(name: str) -> str:
    """Give Python's name of an encoding. Raises NotATable for one that is none of texts."""
    try:
        found = codecs.lookup(name.strip())
        codecs.getincrementaldecoder(found.name)
        # Of Python itself: it tells encodings of texts from others in no other way.
        is_text = getattr(found, "_is_text_encoding", False) and found.name not in NO_ENCODINGS
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise NotATable(
            f"`encoding` is {name[:40]!r}, which is no encoding that is known here. Name it as "
            "Python does: utf-8, windows-1252, iso-8859-2, shift_jis, gb18030, koi8-r and so on."
        )
    return WESTERN if found.name == "cp1252" else found.name


def decoder_name(encoding: str) -> str:
    """Name the codec that leaves out a byte order mark, where the encoding has one."""
    return {"utf-8": "utf-8-sig"}.get(encoding, encoding)


def read_sample(path: Path, encoding: str) -> tuple[str, bool]:
    """Read the beginning of a text, and tell whether that is all; line ends stay as they are."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        complete = not file.read(1)
    decoder = codecs.getincrementaldecoder(decoder_name(encoding))()
    text = decoder.decode(head, final=complete)
    return ONLY_END_OF_FILE.sub(r"\1", text) if complete else text, complete


def write_utf8(source: Path, encoding: str, target: Path, *, skip_lines: int = 0) -> None:
    """Write a text again in UTF-8 in constant memory, without marks and leading blank lines."""
    with (
        source.open(encoding=decoder_name(encoding), newline="") as reader,
        target.open("w", encoding="utf-8", newline="") as writer,
    ):
        for _ in range(skip_lines):
            reader.readline()
        begun = False
        while chunk := reader.read(CHUNK_BYTES):
            # With the rest of its last line, so that what stands before a line is seen.
            text = MARK_BEFORE_LINE.sub(r"\1", chunk + reader.readline())
            if text.endswith(END_OF_FILE):
                text = ONLY_END_OF_FILE.sub(r"\1", text)
            text = text if begun else text.lstrip("\r\n")
            begun = begun or bool(text)
            writer.write(text)


def _check_given(path: Path, given: str) -> None:
    encoding = codec_name(given)
    try:
        _check(path, encoding)
    except UnicodeError as error:
        raise NotATable(
            f"The file's {_place(path, encoding)} is no text in {given[:40]}, as `encoding` says. "
            "Correct either, or leave `encoding` out to have it found."
        ) from error


def _checked(path: Path, encoding: str) -> str:
    try:
        _check(path, encoding)
    except UnicodeError as error:
        raise NotATable(
            f"The file has the byte order mark of {encoding}, and {_place(path, encoding)} is no "
            "text in it: it is damaged. Save it as CSV in UTF-8 and send it again."
        ) from error
    return encoding


def _detected(path: Path) -> str:
    sample = _where_it_is_not_ascii(path)
    broken = sample.decode(errors="replace").count("\N{REPLACEMENT CHARACTER}")
    whole = len(UTF8_CHARACTER.findall(sample))
    if whole >= broken:
        raise NotATable(
            f"The text is UTF-8 but for a few bytes; {_place(path, 'utf-8')} is none. Correct it, "
            "or name the encoding of the file in the field `encoding`."
        )
    detected = chardet.detect(sample, encoding_era=ERAS)["encoding"]
    for encoding in (WESTERN if _looks_western(sample) else None, detected, WESTERN):
        if encoding is None:
            continue
        try:
            name = codec_name(encoding)
            _check(path, name)
        except (UnicodeError, NotATable):
            continue
        return name
    raise NotATable(
        "The file is no text in an encoding that is known here: it is damaged, or binary. Save it "
        "as CSV in UTF-8 and send it again, or name its encoding in the field `encoding`."
    )


def _where_it_is_not_ascii(path: Path) -> bytes:
    """Read the part of a text in which its encoding shows: whole lines, where there are some."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if not chunk.isascii():
                first = re.search(rb"[\x80-\xff]", chunk)
                start = chunk.rfind(b"\n", 0, first.start() if first else 0) + 1
                sample = chunk[start:] + file.read(CHUNK_BYTES)
                return sample[: sample.rfind(b"\n") + 1] or sample
    return b""


def _looks_western(sample: bytes) -> bool:
    text = sample.decode(WESTERN, errors="replace")
    runs = ACCENTED_RUN.findall(text)
    return all(
        WESTERN_CHARACTERS.issuperset(run) and len(run) <= LONGEST_WESTERN_RUN for run in runs
    )


def _place(path: Path, encoding: str) -> str:
    """Name the line with the first bytes that are not in the encoding."""
    lines = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            try:
                lines += decoder.decode(chunk).count("\n")
            except UnicodeDecodeError as error:
                # What is decoded together with what was left of the chunk before.
                before = bytes(error.object)[: error.start]
                return f"line {lines + before.count(NEWLINE)}"
            except UnicodeError:
                break
    return f"line {lines}"


def _check(path: Path, encoding: str) -> None:
    """Decode a whole text. Raises NotATable where it is empty or has NUL, and UnicodeError."""
    says_something = False
    for text in _decoded(path, encoding):
        if "\0" in text:
            raise NotATable(HAS_NUL)
        says_something = says_something or (not text.isspace() and bool(text.strip(END_OF_FILE)))
    if not says_something:
        raise NotATable(f"The file is empty. {ADVICE}")


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(decoder_name(encoding))()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
