"""Whether the first row of a CSV file names its columns."""

from collections import Counter
from collections.abc import Collection, Sequence

from projects_api.tables.values import Kind, are_counts, are_in_order, are_years, kind_of

SHARE_OF_A_KIND = 0.8
ROWS_LOOKED_AT = 200
CELLS_LOOKED_AT = 100_000


def is_header(rows: Sequence[Sequence[str]], missing: Collection[str]) -> bool:
    """Return whether the first of some rows names columns.

    Numbers alone name nothing. A word above numbers or dates is evidence for a header, a number
    or date above others is against; years and numbers that count up, behind a first cell that is
    no number, are names where the rows below are other numbers. Words alone are taken for names.
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
    if not below or len(words) == len(first):
        return bool(words)
    return bool(words) and len(set(words)) == len(words)


def header_evidence(rows: Sequence[Sequence[str]], missing: Collection[str]) -> int:
    """Weigh whether a row names the columns of those below: above 0 it does, below it does not."""
    first, *below = rows
    below = below[: max(10, min(ROWS_LOOKED_AT, CELLS_LOOKED_AT // max(1, len(first))))]
    numbers = [place for place, cell in enumerate(first) if kind_of(cell, missing) == "number"]
    named = numbers if _are_names(first, below, numbers, missing) else ()
    weight = 0
    for place, cell in enumerate(first):
        cells = [row[place] for row in below if place < len(row)]
        kind, rest = kind_of(cell, missing), _kind_of_all(cells, missing)
        if rest in {"number", "date"} and kind != "missing":
            weight += 1 if kind == "word" or place in named else -1
    return weight or (-1 if any(kind_of(c, missing) == "date" for c in first) else 0)


def _are_names(
    first: Sequence[str],
    below: Sequence[Sequence[str]],
    places: Sequence[int],
    missing: Collection[str],
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


def _kind_of_all(cells: Sequence[str], missing: Collection[str]) -> Kind:
    counts = Counter(kind_of(cell, missing) for cell in cells)
    del counts["missing"]
    if not counts:
        return "missing"
    if counts.keys() == {"word"} and {cell.strip().lower() for cell in cells} <= {
        *("true", "false"),
        *map(str.lower, missing),
    }:
        return "number"  # in what counts here: a name stands out above them
    [(kind, count)] = counts.most_common(1)
    return kind if count >= SHARE_OF_A_KIND * counts.total() else "word"
