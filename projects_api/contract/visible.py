"""Names that people can see and tell apart: the contract's `x-visible`, for texts of requests.

JSON Schema cannot say it: patterns that all languages of clients read alike know no properties of
characters. Texts of answers are not held to it, for a database may have older ones.
"""

import re
import unicodedata
from typing import Any

_BLANK = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are drawn as nothing (Unicode: Default_Ignorable_Code_Point), and the
blank of Braille."""
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of all that stands around it (Unicode: Bidi_Control).

Joiners (U+200C, U+200D) are none: Persian words and emoji need them.
"""


def fault(text: str) -> str | None:
    """Say why a text is no name; None where it is one."""
    if text and all(map(_is_unseen, text)):
        return "needs at least one character that can be seen"
    if found := _TURNS.search(text):
        code = f"U+{ord(found.group()):04X}"
        return f"has {code}, which turns the direction of text and cannot be seen: leave it out"
    return None


def cleaned(text: str) -> str:
    """Leave out of a text what no name may have; nothing is left where nothing can be seen."""
    kept = _TURNS.sub("", text)
    return "" if all(map(_is_unseen, kept)) else kept


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _BLANK or bool(_UNSEEN.match(character))


class Visible:
    """The keyword `x-visible` of a schema, as its validator takes keywords."""

    def __init__(self, _parent: Any, value: Any, _path: Any) -> None:
        self._applies = value is True

    def validate(self, value: Any) -> None:
        """Raise ValueError where a text is no name."""
        if self._applies and isinstance(value, str) and (said := fault(value)):
            raise ValueError(said)
