"""Labels: how they are written, and which one a value means. Loads no machine learning library."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def label_text(label: Any) -> str:
    """Write a label as a text, as it stands in JSON keys."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def label_places(labels: Sequence[Any]) -> dict[str, int]:
    """Give the place of each label by how it may be written, for `find_place`."""
    places = {label_text(label): place for place, label in enumerate(labels)}
    for place, label in enumerate(labels):
        if _is_number(label):
            places.setdefault(_number_text(label), place)
    return places


def find_place(places: Mapping[str, int], value: Any) -> int | None:
    """Find the label that a value means: itself, as a text, or as a number that is as large."""
    if not isinstance(value, bool | int | float | str):
        return None
    found = places.get(label_text(value))
    return places.get(_number_text(value)) if found is None and _is_number(value) else found


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_text(number: float) -> str:
    try:
        return str(float(number))
    except OverflowError:
        return str(number)
