"""Short answers: an agent pays for every word of them."""

from typing import Any

import orjson

MOST_BYTES = 12_000
"""Bytes of an answer."""
MOST_TEXT = 2_000
"""Characters of one text in it, where it is too long as a whole."""
_STEPS: tuple[tuple[int, int | None], ...] = (
    *((items, None) for items in (100, 50, 20, 10, 5)),
    *((items, MOST_TEXT) for items in (20, 10, 5)),
    *((items, 200) for items in (10, 5, 3, 1)),
)
"""How many items lists keep, and how many characters texts do, until it fits."""


def shorten(document: Any) -> tuple[str, list[str]]:
    """Write a document in at most `MOST_BYTES`; say what of it was cut.

    Lists lose their ends first, all to the same length; then texts.
    """
    text = _written(document)
    if len(text) <= MOST_BYTES:
        return text.decode(), []
    for most_items, most_text in _STEPS:
        cuts: list[str] = []
        text = _written(_cut(document, most_items, most_text, "", cuts))
        if len(text) <= MOST_BYTES:
            return text.decode(), cuts
    return text[:MOST_BYTES].decode(errors="ignore"), ["the text ends early"]


def _written(document: Any) -> bytes:
    return orjson.dumps(document)


def _cut(value: Any, items: int, text: int | None, path: str, cuts: list[str]) -> Any:
    if isinstance(value, list):
        if len(value) > items:
            cuts.append(f"{path or '/'} shows {items} of {len(value)}")
        return [_cut(one, items, text, f"{path}/{n}", cuts) for n, one in enumerate(value[:items])]
    if isinstance(value, dict):
        return {name: _cut(one, items, text, f"{path}/{name}", cuts) for name, one in value.items()}
    if isinstance(value, str) and text is not None and len(value) > text:
        cuts.append(f"{path} shows {text} of {len(value)} characters")
        return value[:text]
    return value
