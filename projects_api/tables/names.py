"""The names of columns, told apart; the one place where a name is made up."""

from collections import Counter
from collections.abc import Sequence


def unique_names(names: Sequence[str], *, case_counts: bool = False) -> list[str]:
    """Name columns apart: `column_3` for none, else `name_2`.

    Names that differ only in the case of letters are told apart too, unless `case_counts`.
    """
    key = str if case_counts else str.lower
    numbers: Counter[str] = Counter()
    given = set(map(key, names))
    used: set[str] = set()
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        base = candidate = name if name.strip() else f"column_{position}"
        while key(candidate) in used or (candidate != name and key(candidate) in given):
            numbers[key(base)] += 1
            candidate = f"{base}_{numbers[key(base)] + 1}"
        used.add(key(candidate))
        unique.append(candidate)
    return unique
