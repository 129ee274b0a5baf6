"""How the lines of a CSV file make a table: what delimits, what is above, what names columns."""

import re
from collections.abc import Collection, Sequence
from itertools import dropwhile, pairwise, takewhile

from projects_api.tables.encoding import MARK
from projects_api.tables.facts import NotATable
from projects_api.tables.header import (
    COMMENT,
    are_words,
    count_comments,
    header_evidence,
    is_header,
    other_reading,
)
from projects_api.tables.reading import Layout, Options
from projects_api.tables.signatures import ADVICE
from projects_api.tables.split import (
    DELIMITERS,
    MIN_COLUMNS,
    Row,
    Split,
    best_split,
    given_split,
    split_by,
)
from projects_api.tables.values import kind_of

EXCEL_DELIMITER = re.compile(r'"?sep=([^\r\n])"?[ \t]*(\r\n|\n|\r)', re.IGNORECASE)
MAX_ROWS_ABOVE = 100
MIN_ROWS_NAMED = 2
MAX_TABLES_NAMED = 10


def find_layout(text: str, complete: bool, options: Options) -> Layout:
    """Find the layout of a text from its beginning; what the sender says of it is followed.

    Raises NotATable for a single value, for several tables, and where nothing is left.
    """
    skipped, given = options.skip_lines or 0, options.delimiter
    body = _without_lines(text, skipped)
    declared = EXCEL_DELIMITER.match(body) if options.skip_lines is None else None
    if declared:
        skipped, given, body = 1, given or declared[1], body[declared.end() :]
    if not body.strip():
        raise NotATable(f"The file has no lines but those that are left out. {ADVICE}")
    if given:
        split: Split | None = given_split(body, complete, given)
    else:
        split = None if options.single else best_split(body, complete, options.markers)
    if split is None or (split.width < MIN_COLUMNS and not given):
        return _single_column(body, skipped, complete, options)
    return _table(split, skipped, options)


def _table(split: Split, skipped: int, options: Options) -> Layout:
    markers, rows = options.markers, split.rows
    _refuse_several(rows, skipped, markers)
    start = 0 if options.skip_lines is not None else _first_of_table(rows, split.width, markers)
    rows = rows[start:]
    short = _is_one_short(rows, split.width, markers) and options.header is not False
    named = short or options.header
    if named is None:
        named = is_header([row.cells for row in rows], markers)
    names = _names(rows[0].cells if named else None, split.width)
    names = ["", *names] if short else names
    table = [row.cells for row in rows]
    table[0] = ["", *table[0]] if short else table[0]
    doubt, other = other_reading(table, split.width, markers, named=named)
    doubts = [doubt] if doubt and not (short and doubt in {"names", "titles"}) else []
    if not options.delimiter and _may_have_decimal_commas(split, rows, start):
        doubts.append("decimal commas")
    return Layout(
        delimiter=split.separator,
        separator=split.separator,
        quote=split.quote,
        blanks=split.blanks,
        skip_lines=skipped + rows[0].first - 1,
        header_lines=rows[0].last - rows[0].first + 1 if named else 0,
        names=names,
        other_names=rows[other].first - rows[0].first if other else 0,
        plain=not short and split.quote == '"' and not split.blanks and split.separator.isascii(),
        doubts=frozenset(doubts),
        rival=split.rival,
    )


def _may_have_decimal_commas(split: Split, rows: Sequence[Row], start: int) -> bool:
    """Return whether two columns of digits are behind one name, or title, and may be one."""
    first = split.rows[start - 1 if start else 0].cells
    if split.separator != "," or split.width != MIN_COLUMNS or len(first) != 1:
        return False
    below = rows[1:] if rows[0].cells == first else rows
    return all(cell.isdecimal() for row in below for cell in row.cells)


def _single_column(body: str, skipped: int, complete: bool, options: Options) -> Layout:
    separator = max(reversed(DELIMITERS), key=body.count)
    rows = split_by(body, complete, separator).rows
    if len(rows) < MIN_COLUMNS and complete:  # two lines are what the documentation promises
        raise NotATable(f"The file holds a single value, which is no table. {ADVICE}")
    named = options.header
    if named is None:
        named = is_header([row.cells[:1] for row in rows], options.markers)
    first = rows[0]
    if len(first.cells) > 1 and options.malformed != "repair":
        raise NotATable(
            f"Line {skipped + first.first} has {len(first.cells)} values, and the lines below have "
            "one. Put quotes around a name that has commas in it, send `delimiter` if the lines "
            "below end early, or `malformed=repair` to take the whole line for the name."
        )
    return Layout(
        delimiter=None,
        separator=separator,
        quote='"',
        blanks=False,
        skip_lines=skipped + first.first - 1,
        header_lines=first.last - first.first + 1 if named else 0,
        names=_names([separator.join(first.cells)] if named else None, 1),
        plain=True,
    )


def _without_lines(text: str, count: int) -> str:
    for _ in range(count):
        found = re.search(r"\r\n|\n|\r", text)
        if found is None:
            return ""
        text = text[found.end() :]
    return text


def _first_of_table(rows: Sequence[Row], width: int, markers: Collection[str]) -> int:
    """Find the row with which the table begins; what is above are titles and comments.

    Those are lines of one value, or of fewer than the table has, where a header follows.
    """
    cells = [row.cells for row in rows]
    full = next(place for place, row in enumerate(cells) if len(row) >= width)
    full = max(_behind_notes(rows, width), _behind_comments(cells, full, width, markers))
    full += _titles(cells[full:], width, markers)
    above = cells[:full]
    if not above or full > MAX_ROWS_ABOVE:
        return 0
    evidence = header_evidence(cells[full:], markers)
    if evidence <= 0 and _is_one_short(rows[full - 1 :], width, markers):
        return full - 1
    if evidence > 0 or all(row[0].startswith(COMMENT) for row in above):
        return full
    notes = all(row[0].startswith(COMMENT) or not any(map(str.strip, row[1:])) for row in above)
    notes = notes or full == _behind_notes(rows, width)
    kinds = {kind_of(cell, markers) for row in cells[full:] for cell in row}
    return full if notes and (width > MIN_COLUMNS or kinds & {"number", "date"}) else 0


def _behind_notes(rows: Sequence[Row], width: int) -> int:
    """Pass over rows at the top that do not fill the table and stand alone between blank lines."""
    place = 0
    while place + 1 < len(rows) and rows[place + 1].first > rows[place].last + 1:
        if sum(bool(cell.strip()) for cell in rows[place].cells) == width:
            break
        place += 1
    return place


def _behind_comments(
    cells: Sequence[Sequence[str]], full: int, width: int, markers: Collection[str]
) -> int:
    """Pass over comments that have as many values as the table or more, unless they name it.

    Several may be its rows: they are none where they have no numbers and it has names above some.
    """
    comments = count_comments(cells)
    wide = [place for place in range(comments) if len(cells[place]) >= width]
    if not wide or comments == len(cells):
        return full
    if header_evidence(cells[comments:], markers) > 0 and (
        len(wide) == 1 or all(are_words(cells[place], markers) for place in wide)
    ):
        return comments
    if len(wide) > 1:
        return full
    return comments if wide[0] != comments - 1 else wide[0]


def _titles(cells: Sequence[Sequence[str]], width: int, markers: Collection[str]) -> int:
    """Count rows at the top that are blank or have their first value alone, if the next has all.

    So Excel writes titles. Of two columns, a value alone may be a row, unless a blank one follows.
    """
    count = len(list(takewhile(lambda row: not any(map(str.strip, row[1:])), cells)))
    lone = [row[0] for row in cells[:count] if row[0].strip()]
    blank = len(lone) < count
    if count == len(cells) or not all(map(str.strip, cells[count])):
        return 0
    if (width <= MIN_COLUMNS and not blank) or (
        len(lone) > 1 and any(kind_of(cell, markers) != "word" for cell in lone)
    ):
        return 0
    return count


def _is_one_short(rows: Sequence[Row], width: int, markers: Collection[str]) -> bool:
    """Return whether the first row names all columns but the first, as R writes it.

    The first column has another value in each row, and counts them where there are two columns.
    """
    first, *below = (row.cells for row in rows)
    if len(below) < MIN_ROWS_NAMED or len(first) != width - 1:
        return False
    if any(len(row) != width for row in below) or len({row[0] for row in below}) < len(below):
        return False
    names = [name.strip() for name in first]
    if len(set(names)) < len(names) or any(kind_of(name, markers) != "word" for name in names):
        return False
    if all(kind_of(row[-1], markers) == "missing" for row in below):
        return False
    counted = [row[0].strip() for row in below] == [str(n) for n in range(1, len(below) + 1)]
    return width > MIN_COLUMNS or counted


def _refuse_several(rows: Sequence[Row], skipped: int, markers: Collection[str]) -> None:
    """Raise NotATable where blank lines part tables of different widths, or with own headers.

    Each may have titles of one value.
    """
    blocks: list[list[Row]] = [[rows[0]]]
    for before, row in pairwise(rows):
        if row.first > before.last + 1:
            blocks.append([])
        blocks[-1].append(row)
    tables = [
        block
        for titled in blocks
        for block in [list(dropwhile(lambda row: len(row.cells) == 1, titled)) or titled]
        if len(block) >= MIN_COLUMNS and len({len(row.cells) for row in block}) == 1
    ]
    widths = {len(block[0].cells) for block in tables}
    named = [_begins_with_header(block, markers) for block in tables if len(block[0].cells) > 1]
    if len(widths - {1}) > 1 or any(named[1:]):
        begins = [str(skipped + block[0].first) for block in tables[:MAX_TABLES_NAMED]]
        raise NotATable(
            f"The file holds several tables, which begin in the lines {', '.join(begins)}. Send "
            "each as a file of its own; `skip_lines` leaves out lines at the top."
        )


def _begins_with_header(block: Sequence[Row], markers: Collection[str]) -> bool:
    if any(kind_of(cell, markers) != "word" for cell in block[0].cells):
        return False
    return header_evidence([row.cells for row in block], markers) > 0


def _names(cells: Sequence[str] | None, width: int) -> list[str]:
    if cells is None:
        return [f"column_{number}" for number in range(1, width + 1)]
    return [cell.replace(MARK, "").strip() for cell in cells]
