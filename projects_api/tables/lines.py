"""The lines of a CSV file: counted, and written again where DuckDB cannot read them as they are.

Near the borders of what its threads read, DuckDB 2.0 passes over malformed lines and the rows
behind them without a word; it is right about files that are well formed. So its count is compared
with another, and what it does not read all of is read by Python's reader.
"""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import StringIO, TextIOBase
from itertools import islice
from pathlib import Path

from projects_api.tables.encoding import CHUNK_BYTES, END_OF_FILE, MARK, decoder_name
from projects_api.tables.facts import NotATable
from projects_api.tables.reading import WHITE_SPACE, Layout, Lines, Options
from projects_api.tables.split import DELIMITERS

MAX_VALUE_BYTES = 2_000_000
"""Of a line with a value alone, as DuckDB reads it."""
MAX_NAMED = 10
MARK_BYTES = MARK.encode()
WAYS_OUT = (
    "Correct what is wrong, or send the file with `malformed=repair` to keep all of such lines as "
    "text, or with `malformed=leave_out` to go without them. Where the table begins further down, "
    "`skip_lines` leaves out the lines above it."
)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at the bytes of a UTF-8 file finds.

    `lines` are those that are not blank and end outside quotes, None if a quote stays open: the
    number of rows, the header included, unless a quote stands inside a value that is not quoted.
    `readable` tells that nothing was seen that DuckDB reads in a way of its own.
    """

    lines: int | None
    readable: bool


def survey(path: Path, separator: str) -> Survey:
    """Count the lines of a UTF-8 file several times faster than reading its values would."""
    lines, quoted, begun, readable, tail = 0, False, b"", True, b""
    # Of a quote behind a blank, DuckDB takes the blank away and the quote for one that opens.
    before = {separator.encode() + b' "', b'\n "', b'\r "'}
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            has_quotes = b'"' in chunk
            seen = tail + chunk
            if has_quotes and any(one in seen for one in before):
                readable = False
            # To look for one byte is much faster than to look for several.
            if MARK_BYTES[:1] in seen and any(end + MARK_BYTES in seen for end in (b"\n", b"\r")):
                readable = False
            tail = chunk[-3:]
            # To look for a quote is much faster than to split where there is none.
            pieces = chunk.split(b'"') if has_quotes else [chunk]
            # What is quoted counts as one byte, so that a line of it is not blank.
            outside = begun + b"x" * quoted + b"x".join(pieces[quoted::2])
            quoted ^= len(pieces) % 2 == 0
            found = (outside + b"x" * quoted).replace(b"\r", b"\n").split(b"\n")
            begun = found.pop()[:1]
            lines += len(list(filter(None, found)))
    readable = readable and not tail.endswith(END_OF_FILE.encode())
    return Survey(None if quoted else lines + len(begun), readable)


def write_rows(
    source: Path, target: Path, encoding: str, layout: Layout, options: Options
) -> Lines:
    """Write the rows of a CSV file, without its header, all alike: UTF-8, commas, quotes, CRLF.

    Rows that end early are filled with missing values, and what is beyond the last column is left
    out where it is missing. A line that is malformed is none of these: its quotes are out of place,
    it has values too many, a single one of several words, or those of another delimiter. Raises
    NotATable with the first ten of them where they are to be refused.
    """
    lines, faults, width = Lines(), list[str](), len(layout.names)
    csv.field_size_limit(MAX_VALUE_BYTES)
    with (
        source.open(encoding=decoder_name(encoding), newline="") as file,
        target.open("w", encoding="utf-8", newline="") as writer,
    ):
        write = csv.writer(writer).writerow
        for number, cells, raw, fault in _records(file, layout):
            row, wrong = cells, fault
            if wrong is None and len(cells) != width:
                row, wrong = _fitted(cells, raw, layout, options.markers)
            if wrong is None:
                lines.short += len(cells) < width
                _note(lines.short_at, number, wanted=len(cells) < width)
            elif options.malformed == "refuse":
                faults.append(f"Line {number} {wrong}")
                if len(faults) == MAX_NAMED:
                    break
                continue
            elif options.malformed == "leave_out":
                lines.left_out += 1
                _note(lines.left_out_at, number)
                continue
            else:
                row = _repaired(cells, raw, layout)
                lines.repaired += 1
                _note(lines.repaired_at, number)
            write(row)
            lines.rows += 1
    if faults:
        more = " These are the first ten." if len(faults) == MAX_NAMED else ""
        told = "; ".join(faults).replace("; Line", "; line")
        known = options.delimiter or len(layout.names) > 1
        taken = "" if known else _of_delimiter(layout)
        raise NotATable(f"{told}.{more} {taken}{WAYS_OUT}")
    return lines


def _of_delimiter(layout: Layout) -> str:
    """Say what was taken for the delimiter, and how to say otherwise."""
    names = {WHITE_SPACE: "white space", "\t": "a tab"}
    shown = names.get(layout.separator, f"`{layout.shown_delimiter or layout.separator}`")
    other = next(one for one in "|;," if one != layout.separator)
    return (
        f"The values are taken to be delimited by {shown}. Send `delimiter` if they are by another "
        f"character, or one that the file does not have, such as `delimiter={other}`, if each line "
        "is a single value. "
    )


def _note(numbers: list[int], number: int, *, wanted: bool = True) -> None:
    if wanted and len(numbers) < MAX_NAMED:
        numbers.append(number)


class _Source:
    """The lines of a file; remembers those that were taken, and takes back some."""

    def __init__(self, file: TextIOBase, layout: Layout) -> None:
        self._file = file
        self._strips = layout.separator == WHITE_SPACE
        self._again: list[str] = []
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._file.readline(MAX_VALUE_BYTES * 4)
        if not line:
            raise StopIteration
        self.number += 1
        if line.startswith(MARK):
            line = line.removeprefix(MARK)
        if not line.strip(END_OF_FILE):
            raise StopIteration
        self.taken.append(line)
        return line.strip(" \r\n") + "\n" if self._strips else line

    def take_back(self) -> None:
        """Give all lines but the first of those that were taken once more."""
        self._again.extend(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        del self.taken[1:]


def _records(file: TextIOBase, layout: Layout) -> Iterator[tuple[int, list[str], str, str | None]]:
    """Give line, cells, the first line as it stands and what is wrong, of each row of data.

    A quote that is out of place makes a row of lines that are none; of those only the first is
    malformed, and the others are read again.
    """
    source, width = _Source(file, layout), len(layout.names)
    for _ in islice(source, layout.skip_lines + layout.header_lines):
        pass
    reader = _reader(source, layout)
    while True:
        source.taken.clear()
        fault = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, fault = [], _in_words(error)
        several = len(source.taken) > 1
        if fault or (several and len(cells) != width and _must_fit(cells, width)):
            fault = fault or f"has {len(cells)} values where the table has {width}"
            cells = [] if several else cells  # the other lines are rows of their own
            source.take_back()
            reader = _reader(source, layout)
        if (cells and (len(cells) > 1 or cells[0].strip() or width == 1)) or fault:
            yield source.number - len(source.taken) + 1, cells, source.taken[0], fault


def _reader(source: _Source, layout: Layout) -> Iterator[list[str]]:
    return csv.reader(
        source,
        delimiter=layout.separator,
        quotechar=layout.quote,
        skipinitialspace=layout.blanks,
        strict=True,
    )


def _must_fit(cells: list[str], width: int) -> bool:
    return len(cells) > width or len(cells) == 1


def _fitted(
    cells: list[str], raw: str, layout: Layout, markers: Collection[str]
) -> tuple[list[str], str | None]:
    """Give a row the width of the table, or tell why that would be to guess."""
    width = len(layout.names)
    if len(cells) > width:
        if all(cell.strip() in markers for cell in cells[width:]):
            return cells[:width], None
        return cells, f"has {len(cells)} values where the table has {width}"
    other = _other_delimiter(raw, layout)
    if other is not None:
        return cells, f"has {other!r} where the others have {layout.separator!r}"
    if len(cells) == 1 and " " in cells[0].strip():
        return cells, f"has a single text where the table has {width} values"
    return cells + [""] * (width - len(cells)), None


def _other_delimiter(raw: str, layout: Layout) -> str | None:
    text = raw.rstrip("\r\n")
    for delimiter in DELIMITERS:
        others = delimiter != layout.separator and text.count(delimiter)
        if others and others == len(layout.names) - 1 and layout.separator not in text:
            return delimiter
    return None


def _repaired(cells: list[str], raw: str, layout: Layout) -> list[str]:
    """Make a row of a malformed line that has all of its text, the surplus in the last column."""
    width = len(layout.names)
    line = raw.rstrip("\r\n")
    blanks = _blanks_before(line, layout) if cells else []
    if other := _other_delimiter(raw, layout):
        cells = next(csv.reader([line], delimiter=other))
    elif cells:
        written = [_quoted(cell, layout) for cell in cells]
        if len(blanks) == len(written):
            written = [blank + cell for blank, cell in zip(blanks, written, strict=True)]
        cells = [*cells[: width - 1], *written[width - 1 :]]
    else:
        cells = line.split(layout.separator)
    if len(cells) > width:
        cells = [*cells[: width - 1], layout.separator.join(cells[width - 1 :])]
    if layout.blanks:
        cells = [cell.lstrip(" ") for cell in cells]
    return cells + [""] * (width - len(cells))


def _blanks_before(line: str, layout: Layout) -> list[str]:
    """Find the blanks before the values of a line that are no part of these."""
    if not layout.blanks:
        return []
    quote, separator = re.escape(layout.quote), re.escape(layout.separator)
    quoted = f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}"
    value = re.compile(f"(?:^|{separator})( *)(?:{quoted})?[^{separator}]*")
    line = line.strip(" ") if layout.separator == WHITE_SPACE else line
    return [match[1] for match in value.finditer(line)]


def _quoted(cell: str, layout: Layout) -> str:
    """Write a value as it stands in a line, with quotes where it holds a delimiter."""
    if not cell:
        return ""
    line = StringIO()
    csv.writer(line, delimiter=layout.separator, quotechar=layout.quote).writerow([cell])
    return line.getvalue().removesuffix("\r\n")


def _in_words(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return "has a value of more than two million bytes, or a quote that is not closed"
    if "unexpected end" in text:
        return "has a quote that is not closed"
    return "has a quote inside of a quoted value; write it twice there"
