"""Whether the first row of a CSV file names its columns."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Literal

from projects_api.tables.reading import Doubt
from projects_api.tables.values import (
    DATE,
    Kind,
    are_counts,
    are_in_order,
    are_years,
    is_boolean,
    kind_of,
    names_nothing,
)

SHARE_OF_A_KIND = 0.8
ROWS_LOOKED_AT = 200
CELLS_LOOKED_AT = 100_000
MAX_NAMED_IN_RANGE = 2
MAX_LINES_OF_NAMES = 5
MAX_WORDS_OF_A_NAME = 2
COMMENT = "#"
Row = Sequence[str]


def is_header(rows: Sequence[Row], missing: Collection[str]) -> bool:
    """Return whether the first of some rows names columns.

    Numbers alone name nothing. A word above numbers, dates or booleans is evidence for a header, a
    number, date or boolean above others is against; years and numbers that count up, behind a first
    cell that is no number, are names where the rows below are other numbers. Words alone are taken
    for names, unless a value such as `inf`, or a marker of missing ones, is among them.
    """
    first, *below = rows
    kinds = [kind_of(cell, missing) for cell in first]
    present = [kind for kind in kinds if kind != "missing"]
    if not present or (all(kind == "number" for kind in present) and kinds[0] == "number"):
        return False
    evidence = header_evidence(rows, missing)
    if evidence:
        return evidence > 0
    words = [cell for cell, kind in zip(first, kinds, strict=True) if kind == "word"]
    if not any(_weigh(rows, missing)) and _has_values(rows, missing):
        return False
    if not below or len(words) == len(first):
        return bool(words)
    return bool(words) and len(set(words)) == len(words)


def header_evidence(rows: Sequence[Row], missing: Collection[str]) -> int:
    """Weigh whether a row names the columns of those below: above 0 it does, below it does not."""
    words, values = _weigh(rows, missing)
    if words != values:
        return words - values
    return -1 if any(kind_of(cell, missing) == "date" for cell in rows[0]) else 0


def other_reading(
    table: Sequence[Row], width: int, markers: Collection[str], *, named: bool
) -> tuple[Doubt | None, int]:
    """Return what the first rows may be otherwise, and the row with which the table begins then."""
    titles = _count_titles(table, width, markers)
    names = _other_names(table, markers, named=named)
    if titles and titles >= names:
        return "titles", titles
    comments = count_comments(table)
    if named and names < comments < len(table) and _is_prose(table[0], table[comments:]):
        return "comment", comments
    if names or not named:
        return ("names below" if names else None), names
    later = _later_names(table, markers)
    if later:
        return "later header", later if later + 1 < len(table) else 0
    return ("names" if _is_guess(table, markers) else None), 0


def _other_names(table: Sequence[Row], markers: Collection[str], *, named: bool) -> int:
    """Return the place of the row that may name the columns in place of the first; 0 for none.

    It is the one behind comments, where they are no sure names of what is below, or the last of the
    first ones with words above numbers, in a column that has nothing but words to there.
    """
    comments = count_comments(table)
    if named and 0 < comments < len(table) and are_words(table[comments], markers):
        sure = header_evidence(table, markers) > 0
        if not sure or header_evidence(table[comments:], markers) > 0:
            return comments
    words = [are_words(row, markers) for row in table[: MAX_LINES_OF_NAMES + 2]]
    for place in range(min(MAX_LINES_OF_NAMES, len(table) - 1), 0, -1):
        if not words[place] or not any(map(str.strip, table[place])):
            continue
        blank = takewhile(lambda row: not any(map(str.strip, row)), table[place + 1 :])
        end = place + 1 + len(list(blank))
        if (end >= len(words) or not words[end]) and header_evidence(
            [table[place], *table[end:]], markers
        ) > 0:
            above = table[1 if named else 0 : place + 1]
            if any(_parts_words(above, table[end:], n, markers) for n in range(len(table[place]))):
                return place
    return 0


def _parts_words(
    above: Sequence[Row], below: Sequence[Row], place: int, markers: Collection[str]
) -> bool:
    """Return whether a column has words alone above, and other values below."""
    cells = [[cell] for cell in _column(above, place) if cell.strip()]
    if not cells or not all(are_words(cell, markers) for cell in cells):
        return False
    return _kind_of_all(_column(_looked_at([[""], *below]), place), markers) not in {
        "word",
        "missing",
    }


def _count_titles(table: Sequence[Row], width: int, markers: Collection[str]) -> int:
    """Count the rows at the top that may be titles: they end early, and none below does so.

    One alone is such where the next is all words, which may be names.
    """
    if len(table[0]) < width:  # of which all below would be malformed
        return 0
    ends = [len(row) < width or not row[width - 1].strip() for row in table[:ROWS_LOOKED_AT]]
    count = len(list(takewhile(bool, ends)))
    titled = all(kind_of(row[0], markers) == "word" for row in table[:count])
    if not titled or count > MAX_LINES_OF_NAMES or count == len(ends) or any(ends[count:]):
        return 0
    names = all(kind_of(cell, markers) == "word" for cell in table[count])
    return count if count > 1 or names else 0


def _later_names(table: Sequence[Row], markers: Collection[str]) -> int:
    """Return the place of the first row of words, if all others have numbers alone; 0 for none."""
    words = [all(kind_of(cell, markers) == "word" for cell in row) for row in table[1:]]
    if not any(words):
        return 0
    place = words.index(True) + 1
    numbers = [row for row, is_words in zip(table[1:], words, strict=True) if not is_words]
    sure = header_evidence([table[place], *numbers], markers) == len(table[0])
    return place if sure else 0


def _is_prose(row: Row, below: Sequence[Row]) -> bool:
    """Return whether a row that begins as comments do is a sentence rather than names."""
    if not row[0].lstrip().startswith(COMMENT):
        return False
    count = len(row[0].lstrip(f"{COMMENT} ").split())
    spaced = row[1:] and all(cell.startswith(" ") for cell in row[1:])
    plain = not any(cell.startswith(" ") for one in below[:ROWS_LOOKED_AT] for cell in one[1:])
    return (
        count > MAX_WORDS_OF_A_NAME
        or ":" in row[0]
        or any(DATE.search(cell) for cell in row)
        or bool(count > 1 and spaced and plain)
    )


def _is_guess(rows: Sequence[Row], missing: Collection[str]) -> bool:
    """Return whether a first row that is taken for names may well be a row as the others are.

    One of its cells speaks against names; or nothing speaks for them, and a cell is empty above
    numbers that do not count the rows; or its only numbers are as large as those below them.
    """
    words, values = _weigh(rows, missing)
    if values:
        return True
    first = rows[0]
    below = _looked_at(rows)
    numbers = [place for place, cell in enumerate(first) if kind_of(cell, missing) == "number"]
    if 0 < len(numbers) <= MAX_NAMED_IN_RANGE and words == len(numbers):
        return all(_is_in_range(first[place], _column(below, place)) for place in numbers)
    return not words and any(
        not cell.strip()
        and _kind_of_all(_column(below, place), missing) == "number"
        and not _is_index(_column(below, place))
        for place, cell in enumerate(first)
    )


def are_words(row: Row, markers: Collection[str]) -> bool:
    """Return whether a row has nothing but words and empty cells."""
    return not any(
        kind_of(cell, markers) in {"number", "date"}
        or is_boolean(cell)
        or names_nothing(cell, markers)
        for cell in row
    )


def count_comments(cells: Sequence[Row]) -> int:
    """Count the rows at the top that begin as comments do."""
    return len(list(takewhile(lambda row: row[0].lstrip().startswith(COMMENT), cells)))


def _weigh(rows: Sequence[Row], missing: Collection[str]) -> tuple[int, int]:
    """Count the cells of a first row that speak for names, and those that speak against."""
    first = rows[0]
    below = _looked_at(rows)
    rests = [_kind_of_all(_column(below, place), missing) for place in range(len(first))]
    numbers = [place for place, cell in enumerate(first) if kind_of(cell, missing) == "number"]
    truths = [r == "boolean" and is_boolean(cell) for cell, r in zip(first, rests, strict=True)]
    named = not any(truths) and _are_names(first, below, numbers, missing)
    words = values = 0
    for cell, rest, truth in zip(first, rests, truths, strict=True):
        kind = kind_of(cell, missing)
        if rest in {"word", "missing"} or kind == "missing" or names_nothing(cell, missing):
            continue
        names = (kind == "word" and not truth) or (kind == "number" and named)
        words, values = words + names, values + (not names)
    return words, values


def _has_values(rows: Sequence[Row], missing: Collection[str]) -> bool:
    """Return whether a first row has a marker, inf, a dash, or a boolean above another."""
    below = _looked_at(rows)
    return any(
        names_nothing(cell, missing)
        or (is_boolean(cell) and any(map(is_boolean, _column(below, place))))
        for place, cell in enumerate(rows[0])
    )


def _looked_at(rows: Sequence[Row]) -> Sequence[Row]:
    count = max(10, min(ROWS_LOOKED_AT, CELLS_LOOKED_AT // max(1, len(rows[0]))))
    return rows[1 : count + 1]


def _column(rows: Sequence[Row], place: int) -> list[str]:
    return [row[place] for row in rows if place < len(row)]


def _is_in_range(name: str, cells: Sequence[str]) -> bool:
    """Return whether a whole number is between the least and the greatest of those in a column."""
    numbers = [float(text) for text in map(str.strip, cells) if text.isdecimal()]
    return (
        name.strip().isdecimal() and bool(numbers) and min(numbers) <= float(name) <= max(numbers)
    )


def _is_index(cells: Sequence[str]) -> bool:
    """Return whether cells count rows from 0 or 1."""
    return any(
        [*cells] == [str(number + start) for number in range(len(cells))] for start in (0, 1)
    )


def _are_names(
    first: Row, below: Sequence[Row], places: Sequence[int], missing: Collection[str]
) -> bool:
    """Return whether the numbers of a row are years or counts that only it has."""
    if not places or 0 in places or kind_of(first[0], missing) == "date":
        return False
    rows = [[row[place] for place in places] for row in below if len(row) > places[-1]]
    names = [first[place] for place in places]
    if are_years(names):
        return not all(map(are_years, rows))
    if not first[0].strip() and len(places) == len(first) - 1 and are_in_order(names):
        return not all(map(are_in_order, rows))  # as R writes the names of what it has counted
    return are_counts(names) and not all(map(are_counts, rows))


def _kind_of_all(cells: Sequence[str], missing: Collection[str]) -> Kind | Literal["boolean"]:
    kinds = [(cell, kind_of(cell, missing)) for cell in cells]
    # Of what looks like a value only a word can name nothing.
    values = [
        k for c, k in kinds if k != "missing" and (k != "word" or not names_nothing(c, missing))
    ]
    if not values:
        return "missing"
    if all(kind == "missing" or is_boolean(cell) for cell, kind in kinds):
        return "boolean"
    counts = Counter(values)
    [(kind, count)] = counts.most_common(1)
    return kind if count >= SHARE_OF_A_KIND * counts.total() else "word"
