"""Files that are no table: known by how they begin, and by what must follow."""

import re
from pathlib import Path

from projects_api.tables.facts import NotATable

ADVICE = "Send a CSV or a Parquet file."
# Each is a signature with as much of what follows it as no text of a person has.
OTHER_FORMATS = {
    "a ZIP archive or an Excel workbook": rb"PK\x03\x04",
    "an old Excel workbook": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\xd0\xcf\x11\xe0$",
    "gzip-compressed": rb"\x1f\x8b\x08",
    "Zstandard-compressed": rb"\x28\xb5\x2f\xfd",
    "bzip2-compressed": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",
    "xz-compressed": rb"\xfd7zXZ\0",
    "zlib-compressed": rb"\x78[\x01\x5e\x9c\xda][^\x20-\x7e\s]",
    "an Arrow (Feather) file": rb"ARROW1\0\0",
    "an old Feather file": rb"FEA1[\0-\x08]",
    "an ORC file": rb"ORC([\0-\x08\x0b\x0c\x0e-\x1f\x80-\xff]|.*ORC[\x0e-\x1f]\Z)",
    "an Avro file": rb"Obj\x01",
    "an SQLite database": rb"SQLite format 3\0",
    "a PDF document": rb"%PDF-\d\.\d",
    "an RTF document": rb"\{\\rtf\d",
    "a PNG image": rb"\x89PNG",
    "a JPEG image": rb"\xff\xd8\xff",
    "a GIF image": rb"GIF8[79]a[^,;\t|]",
}
MAX_SIGNATURE_BYTES = 64
PARQUET_MARK, ENCRYPTED_MARK = b"PAR1", b"PARE"
# What a delimiter follows is the name of a column.
NO_NAME = r"(?! *[,;\t|])"
MARKUP = re.compile(
    r"\s*(<\?xml\b|<!DOCTYPE\b|<!--|<([A-Za-z][\w:-]*)\b[^<>]*"
    rf"(/>|>[\s\S]*?</\2\s*>){NO_NAME})",
    re.IGNORECASE,
)
HTML = re.compile(rf"\s*<(html|head|body|table)\b[^<>,;\t|]*>{NO_NAME}", re.IGNORECASE)
JSON = re.compile(r'\s*(\{\s*("|\}\s*$)|\[\s*([\[{"\]\d-]|true\b|false\b|null\b))')
# Without those that delimit.
CONTROL_CHARACTERS = dict.fromkeys([0, *range(2, 9), 11, *range(14, 26), *range(27, 31), 127])
MAX_CONTROL_SHARE = 0.01


def is_parquet(path: Path) -> bool:
    """Tell a Parquet file, which has its mark at both ends, from a text that begins with one.

    A file of the mark and what is no text is a damaged one. Before the mark at the end stands how
    long its description is. Raises NotATable for an encrypted one.
    """
    with path.open("rb") as file:
        head = file.read(1024)
        if not head.startswith((PARQUET_MARK, ENCRYPTED_MARK)):
            return False
        size = path.stat().st_size
        file.seek(max(0, size - 2 * len(PARQUET_MARK)))
        length, tail = int.from_bytes(file.read(4), "little"), file.read()
    if head.startswith(ENCRYPTED_MARK):
        if tail == ENCRYPTED_MARK or b"\0" in head:
            raise NotATable(f"The file is an encrypted Parquet file, which is not read. {ADVICE}")
        return False
    return not _is_text(head) or (tail == PARQUET_MARK and length < size)


def refuse_other_bytes(head: bytes, tail: bytes = b"") -> None:
    """Raise NotATable for the beginning, and the last bytes, of a file in a known format."""
    begin = head[:MAX_SIGNATURE_BYTES] + tail
    for name, pattern in OTHER_FORMATS.items():
        if re.match(pattern, begin, re.DOTALL):
            raise NotATable(f"The file is {name}, which is no table here. {ADVICE}")


def refuse_other_text(text: str) -> None:
    """Raise NotATable for the beginning of a text that is markup, JSON or full of control codes."""
    if MARKUP.match(text) or HTML.match(text):
        raise NotATable(f"The file is HTML or XML, which is no table here. {ADVICE}")
    if JSON.match(text) and not _json_inside_cells(text):
        raise NotATable(f"The file is JSON, which is no table here. {ADVICE}")
    lost = len(text) - len(text.translate(CONTROL_CHARACTERS))
    if lost > max(2, MAX_CONTROL_SHARE * len(text)):
        raise NotATable(
            "The file contains control characters, so it is binary, or a text in an encoding that "
            f"is not found, such as ISO-2022-JP: send `encoding` then. {ADVICE}"
        )


def _json_inside_cells(text: str) -> bool:
    """Return whether text goes on behind the first JSON value of a line, as in `{"a":1},x`."""
    line = text.lstrip().partition("\n")[0].strip()
    depth = 0
    for place, character in enumerate(line):
        depth += (character in "{[") - (character in "}]")
        if depth == 0:
            rest = line[place + 1 :].strip()
            return bool(rest) and not rest.lstrip(",").lstrip().startswith(("{", "["))
    return False


def _is_text(head: bytes) -> bool:
    return b"\n" in head and not re.search(rb"[\0-\x08\x0e-\x1f]", head)
