"""Heaps: how numbers are counted, so that two sets of them can be compared.

A number that many rows share, such as 0 among amounts or each of 0 and 1, is a heap of its own; the
others are put together in ranges of about a tenth of the rows. Ranges alone would put a value that
fills several of them, or the two largest of a few, on one heap with its neighbours, and a change
between them would not show. Loads no machine learning library.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

Heap = tuple[float, float, float]
"""The least and the largest number of a heap, and how many rows have one of them."""

_SHARE = 0.1
_FEW = 10  # As few values are counted one by one, unless hardly any row has them.
_SHARE_OF_FEW = 0.05
_RANGES = round(1 / _SHARE)
_QUANTILES = 10  # of the summaries that had quantiles alone


def build(values: Sequence[float], counts: Sequence[int]) -> list[Heap]:
    """Put different numbers, in their order and with the rows that have them, on heaps."""
    total = sum(counts)
    least = total * (_SHARE_OF_FEW if len(values) <= _FEW else _SHARE)
    heaps: list[Heap] = []
    for is_frequent, found in groupby(zip(values, counts, strict=True), lambda it: it[1] >= least):
        run = list(found)
        if is_frequent:
            heaps += [(value, value, count) for value, count in run]
        else:
            heaps += _ranges(run, total)
    return heaps


def _ranges(run: Sequence[tuple[float, int]], total: int) -> Iterator[Heap]:
    """Cut neighbouring numbers into ranges that hold about the same number of rows."""
    size = sum(count for _, count in run)
    wanted = max(1, round(_RANGES * size / total))
    passed = 0
    places = []
    for _, count in run:
        places.append(int((passed + count / 2) * wanted / size))
        passed += count
    for _, found in groupby(zip(places, run, strict=True), lambda it: it[0]):
        part = [one for _, one in found]
        yield part[0][0], part[-1][0], sum(count for _, count in part)


def known_heaps(known: Mapping[str, Any]) -> list[Heap]:
    """Find the heaps of a stored summary of numbers.

    Summaries of before had quantiles alone. Where some of those are equal, they do not tell how
    many rows share a number, and the sample beside them is counted instead.
    """
    if "heaps" in known:
        return [(lower, upper, count) for lower, upper, count in known["heaps"]]
    counts = known["counts"]
    if len(counts) >= _QUANTILES or not known["sample"]:
        return [
            (*ends, count) for ends, count in zip(pairwise(known["edges"]), counts, strict=False)
        ]
    found = Counter(known["sample"])
    values = sorted(found)
    rows_each = sum(counts) / found.total()
    built = build(values, [found[value] for value in values])
    return [(lower, upper, count * rows_each) for lower, upper, count in built]


def count(heaps: Sequence[Heap], numbers: Iterable[float]) -> list[dict[str, Any]]:
    """Count numbers on heaps: `expected` is what a heap has, `actual` what is there now.

    A heap of one number is a `value`, another one goes from `lower` to below `upper`. What lies
    beyond all of them, or between two that are one number each, has a heap of the `rest`.
    """
    if not heaps:
        return [{"lower": None, "upper": None, "expected": 0, "actual": len(list(numbers))}]
    lowers = [lower for lower, _, _ in heaps]
    found = Counter(_place(heaps, lowers, number) for number in numbers)
    shown = [
        {**_named(heaps, place), "expected": round(expected), "actual": found[place]}
        for place, (_, _, expected) in enumerate(heaps)
    ]
    below, between, above = (
        {"rest": rest, "expected": 0, "actual": found[rest]}
        for rest in ("below", "between", "above")
    )
    return [below, *shown, between, above]


def _place(heaps: Sequence[Heap], lowers: Sequence[float], number: float) -> int | str:
    if number < lowers[0]:
        return "below"
    if number > heaps[-1][1]:
        return "above"
    place = bisect_right(lowers, number) - 1
    lower, upper, _ = heaps[place]
    if number <= upper or lower < upper:
        return place
    # Beyond a single number: with the range that follows, if one does.
    following = heaps[place + 1]
    return place + 1 if following[0] < following[1] else "between"


def _named(heaps: Sequence[Heap], place: int) -> dict[str, Any]:
    lower, upper, _ = heaps[place]
    if lower == upper:
        return {"value": f"{lower:.6g}"}
    after = heaps[place + 1] if place + 1 < len(heaps) else None
    if after and after[0] < after[1]:
        upper = after[0]
    return {"lower": lower, "upper": upper}
