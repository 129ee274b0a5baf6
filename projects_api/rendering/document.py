"""What a report consists of, whatever it is written as; its texts are plain and safe to place."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os.path import commonprefix
from typing import Any

from matplotlib.figure import Figure

NONE = "\N{EN DASH}"
"""Stands where there is no value."""
MINUS = "\N{MINUS SIGN}"
MAX_ROWS = 50
"""The rows that a table shows at most; what it leaves out it tells."""

# Marks that turn the direction of whatever follows them, beyond the name that they came with.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_KIBIBYTE = 1024
_METRICS = {
    "auc": "AUC",
    "aucpr": "PR AUC",
    "f1": "F1",
    "logloss": "Log loss",
    "mae": "MAE",
    "mse": "MSE",
    "r2": "R²",
    "rmse": "RMSE",
    "rmsle": "RMSLE",
}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names with their values, such as what a model was trained with."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts; the columns in `numeric` hold numbers. The row `marked` stands out."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    marked: int | None = None

    @property
    def named_by(self) -> int | None:
        """Find the column that tells what its row is about: the first that holds no numbers."""
        return next((one for one in range(len(self.headings)) if one not in self.numeric), None)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing, inches wide and high, and the sentence that says what is to be seen.

    `details` says it for those who do not see it, where no table does.
    """

    caption: str
    draw: Callable[[Figure], None]
    height: float
    width: float = 6.9
    details: str = ""

    @property
    def in_words(self) -> str:
        """Say what those who do not see the drawing would miss."""
        return f"{self.caption} {self.details}".rstrip()


Block = Pairs | Table | Note | Picture


@dataclass(slots=True)
class Section:
    """A part with a heading; a subordinate one belongs to the one before it."""

    heading: str
    blocks: list[Block]
    subordinate: bool = False


@dataclass(slots=True)
class Document:
    """A whole report; `kind` and `about` stand above its title."""

    kind: str
    about: str
    title: str
    created_at: datetime
    sections: list[Section] = field(default_factory=list)


def label(text: object, longest: int = 300) -> str:
    """Make one line of any text, cut where it is too long, that leaves its surroundings alone."""
    visible = "".join(
        " " if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} else one
        for one in _TURNING.sub("", str(text))
    )
    line = " ".join(visible.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def short(text: object, longest: int) -> str:
    """Make one line of a name, whose middle goes where it is too long: ends tell names apart."""
    line = label(text, 1000)
    if len(line) <= longest:
        return line
    head = (longest - 1) // 2 + 2
    return f"{line[:head].rstrip()}…{line[head + 1 - longest :].lstrip()}"


def shorts(names: Sequence[object], longest: int) -> list[str]:
    """Make one line of each name, as `short` does, so that names that differ still do.

    Names that would look alike lose what they have in common instead, and where that does not
    tell them apart, they are numbered.
    """
    lines = [label(name, 1000) for name in names]
    told = [short(line, longest) for line in lines]
    alike: dict[str, list[int]] = {}
    for place, text in enumerate(told):
        alike.setdefault(text, []).append(place)
    for places in alike.values():
        if len(places) > 1:
            cut = _without_common([lines[place] for place in places], longest)
            for place, text in zip(places, cut, strict=True):
                told[place] = text
    if len(set(told)) < len(told):
        width = len(f"{len(told)}. ")
        told = [
            f"{place}. {short(line, longest - width)}" for place, line in enumerate(lines, start=1)
        ]
    return told


def _without_common(lines: Sequence[str], longest: int) -> list[str]:
    """Cut what lines begin and end with alike, and leave as much of the beginning as fits."""
    before = len(commonprefix(lines))  # noqa: RUF071 - letters are what is meant
    rest = [line[before:] for line in lines]
    after = len(commonprefix([one[::-1] for one in rest]))  # noqa: RUF071
    cores = [one[: len(one) - after] for one in rest]
    room = max(0, longest - 2 - max(map(len, cores)))
    head = lines[0][: min(room, before)]
    begin = f"{head.rstrip()}…" if before > len(head) else head
    end = "…" if after else ""
    return [short(f"{begin}{core}{end}", longest) for core in cores]


def listed(pairs: Iterable[tuple[object, str]]) -> str:
    """Write names, each with what is known of it, as a sentence."""
    return "; ".join(f"{short(name, 60)}: {label(text)}" for name, text in pairs) + "."


def table_of(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    total: int | None = None,
    **options: Any,
) -> list[Table | Note]:
    """Make a table of the first rows, and a note where there are more, `total` of them."""
    shown: list[Table | Note] = [Table(headings, rows[:MAX_ROWS], **options)]
    total = max(total or 0, len(rows))
    if total > min(len(rows), MAX_ROWS):
        shown.append(Note(f"The first {min(len(rows), MAX_ROWS)} of {total:,} are shown."))
    return shown


def metric_name(name: str) -> str:
    """Write a metric's name as people do."""
    if name.startswith("cv_"):
        return f"{metric_name(name.removeprefix('cv_'))}, cross-validated"
    return _METRICS.get(name) or label(name, 40).replace("_", " ").capitalize()


def number(value: Any, digits: int = 4) -> str:
    """Write a number with that many digits after the point, fewer where it is large."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return NONE if value is None else label(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    size = abs(value)
    if size >= 1e9 or 0 < size < 10**-digits:  # noqa: PLR2004 - unreadable otherwise
        return f"{value:.3g}".replace("-", MINUS)
    return f"{value:,.{digits if size < 100 else 2}f}".replace("-", MINUS)  # noqa: PLR2004 - same


def duration(seconds: float | None) -> str:
    """Write a span of time."""
    if seconds is None:
        return NONE
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(in_bytes: int) -> str:
    """Write a size in bytes."""
    value = float(in_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < _KIBIBYTE:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIBIBYTE
    return f"{value:.1f} GiB"


def moment(text: str | None) -> str:
    """Write a moment, in UTC."""
    if text is None:
        return NONE
    at = datetime.fromisoformat(text)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def value(setting: Any) -> str:
    """Write a setting of any shape in one line."""
    match setting:
        case None:
            return NONE
        case bool():
            return "yes" if setting else "no"
        case int() | float():
            return f"{setting:.6g}" if isinstance(setting, float) else f"{setting}"
        case Mapping():
            return (
                label(", ".join(f"{name}: {value(one)}" for name, one in setting.items())) or NONE
            )
        case list() | tuple():
            return label(", ".join(value(one) for one in setting)) or NONE
    return label(setting) or NONE
