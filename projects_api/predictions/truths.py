"""Truths: what turned out about rows that a deployment was asked about, checked by its model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from projects_api.engines.labels import find_place, label_places, label_text
from projects_api.predictions.faults import RowsRefused
from projects_api.predictions.rows import MAX_FAULTS

_SHOWN = 5
_LABEL = 40


def read_truths(
    signature: Mapping[str, Any], truths: Sequence[Mapping[str, Any]]
) -> dict[int, float]:
    """Return what was true by the ids of rows, as `engines.monitoring.answers` keeps it.

    Of two truths of a row, the last one counts. Raises `RowsRefused` for what the model cannot say.
    """
    labels = signature["labels"]
    places = None if labels is None else label_places(labels)
    told: dict[int, float] = {}
    faults: list[tuple[str, str]] = []
    for number, each in enumerate(truths):
        meant = _number(each["truth"]) if places is None else find_place(places, each["truth"])
        if meant is None:
            faults.append((f"/{number}/truth", _wanted(labels)))
        else:
            told[each["row_id"]] = meant
    if faults:
        raise RowsRefused(faults[:MAX_FAULTS], root="/truths")
    return told


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _wanted(labels: Sequence[Any] | None) -> str:
    if labels is None:
        return "must be a number"
    shown = ", ".join(label_text(label)[:_LABEL] for label in labels[:_SHOWN])
    return f"must be a label of the model, such as {shown}"
