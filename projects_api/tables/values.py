"""What a cell of a CSV file looks like, and which cells hold no value."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Literal

MISSING = (
    "",
    *("NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "#N/A N/A"),
    *("NaN", "nan", "NAN", "Nan", "-NaN", "-nan", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"),
    *("NULL", "null", "Null", "None", r"\N"),
    *(" ", "  ", "   ", "    ", "\t"),
)
"""What marks a missing value: what pandas takes for it, and white space alone."""

Kind = Literal["missing", "number", "date", "word"]
# With either decimal mark, and marks between thousands.
NUMBER = re.compile(r"[-+]?(\d+([.,]\d+)*\.?|[.,]\d+)([eE][-+]?\d+)?%?")
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d\d)([ T].*)?"
    r"|\d{1,2}:\d\d(:\d\d(\.\d+)?)?"
)
YEARS = range(1800, 2101)
BOOLEANS = frozenset({"true", "false"})
NO_NAME = re.compile(r"[-+]?inf(inity)?|[-\u2013\u2014.?]+", re.IGNORECASE)


def kind_of(cell: str, missing: Collection[str] = MISSING) -> Kind:
    """Return what a cell looks like; a number may have either decimal mark."""
    text = cell.strip()
    if not text or cell in missing or text in missing:
        return "missing"
    if DATE.fullmatch(text):
        return "date"
    return "number" if NUMBER.fullmatch(text) else "word"


def names_nothing(cell: str, missing: Collection[str] = MISSING) -> bool:
    """Return whether a cell that is not blank can hardly be a name: a marker, inf, or a dash."""
    text = cell.strip()
    return bool(text) and (text in missing or NO_NAME.fullmatch(text) is not None)


def is_boolean(cell: str) -> bool:
    """Return whether a cell is true or false, in any case."""
    return cell.strip().lower() in BOOLEANS


def are_years(cells: Sequence[str]) -> bool:
    """Return whether texts are years, all different."""
    return len(set(cells)) == len(cells) and all(
        cell.strip().isdecimal() and int(cell) in YEARS for cell in cells
    )


def are_in_order(cells: Sequence[str]) -> bool:
    """Return whether texts are three numbers or more, each greater than the one before it."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return False
    return len(numbers) > 2 and all(  # noqa: PLR2004
        before < after for before, after in pairwise(numbers)
    )


def are_counts(cells: Sequence[str]) -> bool:
    """Return whether texts are numbers that count up or down."""
    if len(cells) < 2 or not all(cell.strip().isdecimal() for cell in cells):  # noqa: PLR2004
        return False
    numbers = [int(cell) for cell in cells]
    steps = {after - before for before, after in pairwise(numbers)}
    return steps in ({1}, {-1})
