"""Which delimiter splits the lines of a text into rows; tried on its beginning."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from projects_api.tables.reading import WHITE_SPACE
from projects_api.tables.values import kind_of

SAMPLE_ROWS = 1000
SCORED_ROWS = 200
SCORED_CELLS = 50
MAX_SAMPLE_CHARACTERS = 2_000_000
# Of two that fit equally well, the one that is rarer inside values comes first.
# Those of Hive and of ASCII itself are in no text.
DELIMITERS = "\x01\x1f\t;|,"
RARE_DELIMITERS = "^~:"
WORTH = {"missing": 1.0, "number": 1.0, "date": 1.0, "word": 0.7}
WORTH_OF_OTHER_DELIMITERS = 0.1
MOST, HALF = 0.9, 0.5
MIN_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sample and the lines, from 1, with which it begins and ends."""

    first: int
    last: int
    cells: list[str]


@dataclass(frozen=True)
class Split:
    """A sample split into rows, those left out that are blank."""

    separator: str
    quote: str
    blanks: bool
    rows: list[Row]
    rival: str | None = None
    """Another delimiter that splits all lines, and words in the first, into as many columns."""

    @cached_property
    def width(self) -> int:
        """The number of values that most rows have; of two numbers the greater one."""
        counts = Counter(len(row.cells) for row in self.rows)
        return max(counts, key=lambda width: (counts[width], width))


def best_split(text: str, complete: bool, markers: Collection[str]) -> Split | None:
    """Find the delimiter that makes the most of a text; None where it has one column.

    The score of a delimiter is the share of rows with as many values as most have, times
    (n - 1) / n for that number n, times how much the cells look like values: numbers, dates and
    empty ones most, words less, and least those that hold another delimiter.
    """
    best: tuple[float, Split | None] = (0.0, None)
    whole: dict[str, int] = {}
    for delimiter in filter(text.__contains__, DELIMITERS):
        for quote in _quotes(text):
            split = split_by(text, complete, delimiter, quote=quote)
            score = _score(split, markers)
            if quote == '"' and all(len(row.cells) == split.width for row in split.rows):
                whole[delimiter] = split.width
            # Of two that are equal, the later: quotes that are quotes.
            if score > best[0] * (1 + 1e-9) or (quote == "'" and score >= best[0]):
                best = (score, split)
    if best[1] is not None:
        split = _with_blanks(text, complete, best[1])
        return replace(split, rival=_rival(best[1], whole, markers))
    for delimiter in filter(text.__contains__, (*RARE_DELIMITERS, WHITE_SPACE)):
        split = split_by(text, complete, delimiter)
        if _is_sure(split, markers):
            return split
    return None


def _rival(best: Split, whole: Mapping[str, int], markers: Collection[str]) -> str | None:
    """Find a delimiter that splits every line as the best one does; not in rows with numbers first.

    Those would be of decimal commas, which are in all lines where no names are above them.
    """
    if best.separator not in whole or len(best.rows) < MIN_COLUMNS:
        return None
    if any(kind_of(cell, markers) != "word" for cell in best.rows[0].cells):
        return None
    alike = [one for one, width in whole.items() if width == best.width and one != best.separator]
    return alike[0] if alike else None


def given_split(text: str, complete: bool, delimiter: str) -> Split:
    """Split by the delimiter that the sender names, with the quotes that fit."""
    splits = [split_by(text, complete, delimiter, quote=quote) for quote in _quotes(text)]
    best = max(splits, key=lambda split: sum(len(r.cells) == split.width for r in split.rows))
    return best if delimiter == WHITE_SPACE else _with_blanks(text, complete, best)


def split_by(
    text: str, complete: bool, delimiter: str, *, quote: str = '"', blanks: bool = False
) -> Split:
    """Split the rows of a sample that are not blank, without one that may be cut off."""
    blanks = blanks or delimiter == WHITE_SPACE
    rows = list(_rows(text, delimiter, quote, blanks))
    cut = not complete and 1 < len(rows) < SAMPLE_ROWS
    return Split(delimiter, quote, blanks, rows[:-1] if cut else rows)


def _rows(text: str, delimiter: str, quote: str, blanks: bool) -> Iterator[Row]:
    csv.field_size_limit(MAX_SAMPLE_CHARACTERS)
    lines: Iterator[str] = io.StringIO(text, newline="")
    if delimiter == WHITE_SPACE:
        lines = (line.strip(" \r\n") + "\n" for line in lines)
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=blanks)
    end, found = 0, 0
    for cells in reader:
        start, end = end + 1, reader.line_num
        # A blank line has no cell, and a missing value of one column an empty one.
        if any(map(str.strip, cells)) or len(cells) > 1 or cells == [""]:
            yield Row(start, end, cells)
            found += 1
        if found == SAMPLE_ROWS:
            return


def _quotes(text: str) -> Iterator[str]:
    yield '"'
    lines = text[:100_000].splitlines()[:SCORED_ROWS]
    quoted = sum(line.lstrip().startswith("'") or line.rstrip().endswith("'") for line in lines)
    if quoted >= HALF * len(lines):
        yield "'"


def _score(split: Split, markers: Collection[str]) -> float:
    rows, width = split.rows[:SCORED_ROWS], split.width
    if width < MIN_COLUMNS:
        return 0.0
    fitting = [row.cells for row in rows if len(row.cells) == width]
    cells = [cell for row in fitting for cell in row[:SCORED_CELLS]]
    if not cells:
        return 0.0
    others = set(DELIMITERS) - {split.separator}
    worth = sum(_worth(cell, others, markers) for cell in cells) / len(cells)
    return len(fitting) / len(rows) * (width - 1) / width * worth


def _worth(cell: str, others: set[str], markers: Collection[str]) -> float:
    kind = kind_of(cell, markers)
    if kind == "word" and not others.isdisjoint(cell.strip()):
        return WORTH_OF_OTHER_DELIMITERS
    return WORTH[kind]


def _with_blanks(text: str, complete: bool, split: Split) -> Split:
    """Take a blank behind each delimiter for a part of it, where nearly all have one."""
    rows = [row.cells for row in split.rows[:SCORED_ROWS] if len(row.cells) == split.width]
    cells = [cell for row in rows for cell in row[1:]]
    blank = sum(cell.startswith(" ") for cell in cells)
    if not cells or blank < MOST * len(cells):
        return split
    return split_by(text, complete, split.separator, quote=split.quote, blanks=True)


def _is_sure(split: Split, markers: Collection[str]) -> bool:
    """Return whether a delimiter that is frequent in texts splits all rows alike, into numbers too.

    The first row may have one value less than the others, as R writes it.
    """
    rows, width = split.rows, split.width
    first, *below = rows
    least = MIN_COLUMNS if split.separator in "^~" else MIN_COLUMNS + (split.separator == ":")
    short = width - 1 if width > MIN_COLUMNS else width
    if width < least or not below or not short <= len(first.cells) <= width:
        return False
    if any(len(row.cells) != width for row in below):
        return False
    if split.separator in "^~":
        return True
    if all(kind_of(":".join(row.cells), markers) == "date" for row in below):
        return False
    columns = zip(*(row.cells for row in below), strict=True)
    return any({kind_of(cell, markers) for cell in column} == {"number"} for column in columns)
