"""Drift: how far what a model is asked about has moved from what it was trained on.

The population stability index (PSI) compares shares of rows in bins; below 0.1 they are stable,
above 0.25 they have drifted. For numbers there is the Kolmogorov-Smirnov test (KS) beside it, whose
p-value tells how likely samples of one and the same distribution are to differ as much. Loads no
machine learning library.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from projects_api.engines.inputs import bucket

MINIMUM_ROWS = 300
"""With fewer rows, chance alone makes an index that looks like drift."""
MODERATE_FROM = 0.1
DRIFT_ABOVE = 0.25
VERDICTS = ("not_enough_data", "stable", "moderate", "drift")
"""From good to bad, but for the first."""

_LEAST_SHARE = 1e-4  # An empty bin would make the index infinite.
_RARE_SHARE = 0.05  # Heaps below it are put together: in small ones chance counts for much.
_TERMS = 100
_DIGITS = 6


def measure(
    reference: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Compare rows, as `check_rows` gives them, with a training's reference.

    Gives a verdict for each input, and the worst of them for all together. Without a reference
    there are no inputs to judge.
    """
    reference = reference or {"rows": 0, "inputs": {}}
    enough = len(rows) >= MINIMUM_ROWS
    features = [
        _measure_feature(name, known, [row.get(name) for row in rows], enough=enough)
        for name, known in reference["inputs"].items()
    ]
    worst = max((VERDICTS.index(one["verdict"]) for one in features), default=0)
    return {
        "rows": len(rows),
        "minimum_rows": MINIMUM_ROWS,
        "reference_rows": reference["rows"],
        "verdict": VERDICTS[worst],
        "features": features,
    }


def bins(known: Mapping[str, Any], values: Sequence[Any]) -> list[dict[str, Any]]:
    """Count values in the bins that the index compares, beside what the training had in them.

    `known` is what the reference has about an input, None among the values is a missing one. Each
    bin has `expected` and `actual` counts, and says what it holds: numbers from `lower` to below
    `upper`, null where there is no bound; a `value`, as `inputs.bucket` names it; or the `rest`,
    which is `other` values, and the last bin `missing` ones.
    """
    present = [value for value in values if value is not None]
    count = _of_numbers if known["kind"] == "number" else _of_values
    missing = {"expected": known["missing"], "actual": len(values) - len(present)}
    return [*count(known, present), {"rest": "missing", **missing}]


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index of two lists of counts of the same bins."""
    pairs = zip(_shares(expected), _shares(actual), strict=True)
    return math.fsum((now - before) * math.log(now / before) for before, now in pairs)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) or 1
    return [max(count / total, _LEAST_SHARE) for count in counts]


def ks(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the largest distance of two samples' distributions, and its p-value (Stephens 1970).

    The samples are sorted, and neither is empty.
    """
    distance = max(
        abs(bisect_right(first, value) / len(first) - bisect_right(second, value) / len(second))
        for value in {*first, *second}
    )
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # noqa: PLR2004 - the series is 1 there, and converges too slowly to say so
        return distance, 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, _TERMS))
    return distance, min(max(2 * sum(terms), 0.0), 1.0)


def _measure_feature(
    name: str, known: Mapping[str, Any], values: Sequence[Any], *, enough: bool
) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    measured: dict[str, Any] = {
        "name": name,
        "kind": known["kind"],
        "rows": len(values),
        "missing": len(values) - len(present),
        "reference_missing": known["missing"],
        "psi": None,
        "ks_statistic": None,
        "ks_p_value": None,
        "verdict": "not_enough_data",
    }
    if not enough:
        return measured
    counted = bins(known, values)
    index = psi([one["expected"] for one in counted], [one["actual"] for one in counted])
    measured |= {"psi": round(index, _DIGITS), "verdict": _judge(index)}
    if known.get("sample") and present:
        statistic, p_value = ks(known["sample"], sorted(present))
        measured |= {
            "ks_statistic": round(statistic, _DIGITS),
            "ks_p_value": round(p_value, _DIGITS),
        }
    return measured


def _judge(index: float) -> str:
    if index > DRIFT_ABOVE:
        return "drift"
    return "stable" if index < MODERATE_FROM else "moderate"


def _of_numbers(known: Mapping[str, Any], values: Iterable[float]) -> list[dict[str, Any]]:
    """Count numbers between edges; neighbours of which one is rare are one bin."""
    counts: list[int] = known["counts"]
    # Whatever lies beyond the outer edges belongs to the outer bins.
    inner = known["edges"][1:-1]
    found = Counter(bisect_right(inner, value) for value in values)
    least = _RARE_SHARE * sum(counts)
    ends, size = [0], 0
    for place, count in enumerate(counts, start=1):
        size += count
        if size >= least:
            ends.append(place)
            size = 0
    ends[-1] = len(counts)
    bounds = [None, *inner, None]
    return [
        {
            "lower": bounds[begin],
            "upper": bounds[end],
            "expected": sum(counts[begin:end]),
            "actual": sum(found[place] for place in range(begin, end)),
        }
        for begin, end in pairwise(ends)
    ]


def _of_values(known: Mapping[str, Any], values: Iterable[Any]) -> list[dict[str, Any]]:
    """Count values by themselves; rare ones, and those that nobody knew, are one bin."""
    counts: Mapping[str, int] = known["counts"]
    total = sum(counts.values()) + known["other"]
    found = Counter(bucket(known["kind"], value) for value in values)
    frequent: list[dict[str, Any]] = [
        {"value": value, "expected": count, "actual": found[value]}
        for value, count in counts.items()
        if count >= _RARE_SHARE * total
    ]
    other = {
        "expected": total - sum(one["expected"] for one in frequent),
        "actual": found.total() - sum(one["actual"] for one in frequent),
    }
    return [*frequent, {"rest": "other", **other}]
