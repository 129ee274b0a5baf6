"""How the text of a CSV file is written: its encoding, its delimiter, its first line."""

import codecs
import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from projects_api.server.tables.facts import NotATable

SAMPLE_BYTES = 1024 * 1024
SAMPLE_ROWS = 1000
CHUNK_BYTES = 1024 * 1024
# Of two delimiters that fit equally well, the one that is rarer inside values comes first: a
# semicolon file with decimal commas fits both.
DELIMITERS = "\t;|,"
BYTE_ORDER_MARKS = {  # the marks of UTF-32 begin with those of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "gzip-compressed",
    b"\x28\xb5\x2f\xfd": "Zstandard-compressed",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"PARE": "an encrypted Parquet file",
    b"ARROW1": "an Arrow (Feather) file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
}
ADVICE = "Send a CSV or a Parquet file."
MARKUP = re.compile(r"\s*<[!?A-Za-z]")
JSON = re.compile(r'\s*(\{|\[\s*([\[{"\]\d-]|true\b|false\b|null\b))')
CONTROL_CHARACTERS = dict.fromkeys([*range(9), 11, *range(14, 32), 127])
MAX_CONTROL_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a CSV file are to be read.

    `delimiter` is None for one column; `separator` is what must not occur in its values then.
    `first_row` are the values of the first line, which decides how many values a line has.
    """

    delimiter: str | None
    separator: str
    first_row: list[str]


def find_encoding(path: Path) -> str:
    """Find the encoding of a text: byte order mark, else strict UTF-8, else Windows-1252.

    Windows-1252 covers Latin-1's printable characters. The whole file is decoded, a chunk at a
    time. Raises NotATable for what is no text: another format's signature, NUL characters,
    nothing but white space, or bytes that are no text in any of these encodings.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK_BYTES)
    for signature, name in OTHER_FORMATS.items():
        if head.startswith(signature):
            raise NotATable(f"The file is {name}, which is no table here. {ADVICE}")
    marked = [name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)]
    candidates = marked[:1] or ["utf-8", "windows-1252"]
    for encoding in candidates:
        try:
            says_something = sum(map(_says_something, _decoded(path, encoding)))
        except UnicodeError:
            continue
        if not says_something:
            raise NotATable(f"The file is empty. {ADVICE}")
        return encoding
    raise NotATable(
        f"The file is no text in {' or '.join(candidates)}: it is damaged, binary, or in "
        "another encoding. Save it as CSV in UTF-8 and send it again."
    )


def begins_blank(path: Path) -> bool:
    """Tell whether a UTF-8 text begins with a blank line, which DuckDB takes for the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return file.read(1) in {"\r", "\n"}


def write_utf8(source: Path, encoding: str, target: Path, *, unify_line_ends: bool) -> None:
    """Write a text again in UTF-8 in constant memory, without a mark and leading blank lines.

    Line ends become LF if asked.
    """
    newline = None if unify_line_ends else ""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with (
        source.open(encoding=codec, newline=newline) as reader,
        target.open("w", encoding="utf-8", newline="") as writer,
    ):
        beginning = reader.read(CHUNK_BYTES).lstrip("\r\n")
        while not beginning:  # the text is known to say something
            beginning = reader.read(CHUNK_BYTES).lstrip("\r\n")
        writer.write(beginning)
        shutil.copyfileobj(reader, writer, CHUNK_BYTES)


def find_dialect(path: Path) -> Dialect:
    """Find the delimiter of a UTF-8 text from its first mebibyte, at most 1,000 rows of it.

    The delimiter (comma, semicolon, tab or bar) is the one that gives the most rows as many
    values as the first row, which has at least two. Where none occurs in the first row, the
    file has one column; that is a table if it has at least two lines. Raises NotATable for
    markup, JSON, a sample with many control characters, and a single value.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        complete = not file.read(1)
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    _refuse_other_text(text)
    best = (0.0, "")
    for delimiter in filter(text.__contains__, DELIMITERS):
        rows = _rows(text, delimiter, complete)
        if len(rows[0]) > 1:
            share = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            best = max(best, (share, delimiter), key=lambda found: found[0])
    if delimiter := best[1]:
        return Dialect(delimiter, delimiter, _rows(text, delimiter, complete)[0])
    separator = max(reversed(DELIMITERS), key=text.count)
    rows = _rows(text, separator, complete)
    if len(rows) < 2 and complete:  # noqa: PLR2004 - two lines are what the docstring promises
        raise NotATable(f"The file holds a single value, which is no table. {ADVICE}")
    return Dialect(None, separator, rows[0])


def _says_something(text: str) -> bool:
    if "\0" in text:
        raise NotATable(
            "The file contains NUL characters, so it is binary or in UTF-16 without a byte "
            "order mark. Save it as CSV in UTF-8 and send it again."
        )
    return bool(text) and not text.isspace()


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _refuse_other_text(text: str) -> None:
    if MARKUP.match(text):
        raise NotATable(f"The file is HTML or XML, which is no table here. {ADVICE}")
    if JSON.match(text):
        raise NotATable(f"The file is JSON, which is no table here. {ADVICE}")
    if len(text) - len(text.translate(CONTROL_CHARACTERS)) > MAX_CONTROL_SHARE * len(text):
        raise NotATable(f"The file contains control characters, so it is binary. {ADVICE}")


def _rows(text: str, delimiter: str, complete: bool) -> list[list[str]]:
    """Split the rows of a sample that are not blank, without one that may be cut off."""
    csv.field_size_limit(SAMPLE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [row for row in islice(reader, SAMPLE_ROWS) if row]
    return rows if complete or len(rows) in {1, SAMPLE_ROWS} else rows[:-1]
