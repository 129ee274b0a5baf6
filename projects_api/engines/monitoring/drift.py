"""Drift: how far what a model is asked about has moved from what it was trained on.

The population stability index (PSI) compares shares of rows in bins; below 0.1 they are stable,
above 0.25 they have drifted. For numbers there is the Kolmogorov-Smirnov test (KS) beside it: how
far the distributions are apart where they are furthest, and how likely samples of one and the same
distribution are to differ as much. The verdict is the worse of what both say. Loads no machine
learning library.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from projects_api.engines.inputs import bucket
from projects_api.engines.monitoring import heaps

MINIMUM_ROWS = 300
"""With fewer rows, chance alone makes an index that looks like drift."""
MODERATE_FROM = 0.1
DRIFT_ABOVE = 0.25
APART_MODERATE_FROM = 0.1
APART_DRIFT_ABOVE = 0.2
"""Distances of the distributions (KS): a tenth, or a fifth, of the rows went elsewhere."""
CHANCE_BELOW = 0.001
"""A distance that chance alone may make (its p-value is not below this) says nothing."""
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
        measure_feature(name, known, [row.get(name) for row in rows], enough=enough)
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
    `upper`, null where there is no bound; a `value`, as `inputs.bucket` names it; or the `rest`:
    numbers `below`, `between` and `above` all that the training had, `other` values, and the last
    bin `missing` ones.
    """
    present = [value for value in values if value is not None]
    if known["kind"] == "number":
        counted = heaps.count(heaps.known_heaps(known), present)
    else:
        counted = _of_values(known, present)
    missing = {"expected": known["missing"], "actual": len(values) - len(present)}
    return [*counted, {"rest": "missing", **missing}]


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


def measure_feature(
    name: str, known: Mapping[str, Any], values: Sequence[Any], *, enough: bool
) -> dict[str, Any]:
    """Compare values with what a reference has about them, where there are `enough` of them."""
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
    index = psi(*_compared(bins(known, values)))
    verdict = _judge(index, MODERATE_FROM, DRIFT_ABOVE)
    measured |= {"psi": round(index, _DIGITS)}
    if known.get("sample") and present:
        statistic, p_value = ks(known["sample"], sorted(present))
        measured |= {
            "ks_statistic": round(statistic, _DIGITS),
            "ks_p_value": round(p_value, _DIGITS),
        }
        if p_value < CHANCE_BELOW:
            apart = _judge(statistic, APART_MODERATE_FROM, APART_DRIFT_ABOVE)
            verdict = max(verdict, apart, key=VERDICTS.index)
    return {**measured, "verdict": verdict}


def _compared(counted: Iterable[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
    """Give the counts that the index compares.

    Where a training with n rows had no number, beyond its largest for example, a new one falls with
    a chance of 1 in n: it counts as one row, and as none while nothing falls there.
    """
    beyond = {"below", "between", "above"}
    pairs = [
        (1, one["actual"]) if one.get("rest") in beyond else (one["expected"], one["actual"])
        for one in counted
        if one.get("rest") not in beyond or one["actual"]
    ]
    return [expected for expected, _ in pairs], [actual for _, actual in pairs]


def _judge(value: float, moderate_from: float, drift_above: float) -> str:
    if value > drift_above:
        return "drift"
    return "stable" if value < moderate_from else "moderate"


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
