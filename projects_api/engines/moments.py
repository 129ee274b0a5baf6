"""Moments written as texts: of which format a column's are, and which moment a text is.

A format tells the order and the marks of a day in the terms of `strptime`; a time of day may follow
it, with a fraction, with `PM`, and with an offset from UTC. The words of the months are English.
Years have four digits: of two, nobody can tell the century. Loads no machine learning library.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import islice

ISO = "%Y-%m-%d"
TIME = "%H:%M:%S"
"""A time of day alone. It counts as that time of 1970-01-01."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("January Jan", "February Feb", "March Mar", "April Apr", "May", "June Jun"),
            *("July Jul", "August Aug", "September Sep Sept", "October Oct", "November Nov"),
            "December Dec",
        ),
        start=1,
    )
    for name in names.lower().split()
}
_PARTS = {
    "%Y": r"(?P<year>\d{4})",
    "%m": r"(?P<month>\d{1,2})",
    "%d": r"(?P<day>\d{1,2})",
    "%B": r"(?P<name>[A-Za-z]{3,9})\.?",
}
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?))?"
# Days before months and months before days, but where there are points: those write days first.
_DAYS = (
    *(ISO, "%Y/%m/%d", "%Y.%m.%d"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y"),
    *("%d %B %Y", "%d-%B-%Y", "%d. %B %Y", "%B %d, %Y", "%B %d %Y"),
)
_FIRST = 100
_NOON = 12
_SECOND = timedelta(seconds=1)
_LAST_MINUTE = (23, 59)
"""Of a day in UTC: leap seconds end it (ITU-R TF.460-6)."""
_LARGEST_OFFSET = timedelta(hours=14)


def _pattern(day: str) -> re.Pattern[str]:
    written = re.escape(day).replace(r"\ ", " ")
    for directive, part in _PARTS.items():
        written = written.replace(directive, part)
    return re.compile(f"{written}(?:(?:T|,? ){_CLOCK}{_ZONE})?", re.ASCII)


_PATTERNS = {day: _pattern(day) for day in _DAYS} | {TIME: re.compile(_CLOCK, re.ASCII)}


def formats() -> list[str]:
    """List all formats."""
    return list(_PATTERNS)


def find_format(texts: Iterable[str]) -> str | None:
    """Find the one format that every text is written in; None where there is none, or several.

    `03/04/2024` may be a day of March and one of April: only where another text of the column, such
    as `13/04/2024`, leaves one of both is it known. Either all texts tell their offset, or none.
    """
    texts = iter(texts)
    first = list(islice(texts, _FIRST))
    formats = [one for one in _PATTERNS if first and all(_is_written(text, one) for text in first)]
    if not formats:
        return None
    every = [*first, *texts]
    formats = [one for one in formats if all(_is_written(text, one) for text in every)]
    if len(formats) != 1:
        return None
    zoned = {_has_zone(text, formats[0]) for text in every}
    return formats[0] if len(zoned) == 1 else None


def parse(text: str, written: str) -> datetime:
    """Read a text of a format as a moment in UTC, without saying so. Raises ValueError.

    As in tables, 24:00 is the begin of the next day; a leap second is the second after it.
    """
    found = _PATTERNS[written].fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    parts = found.groupdict()
    year, day = int(parts.get("year") or 1970), int(parts.get("day") or 1)
    name = parts.get("name")
    month = _month(name) if name else int(parts.get("month") or 1)
    later = timedelta() if written == TIME else _carry(parts)
    moment = datetime.combine(date(year, month, day), _time(parts), tzinfo=_zone(parts))
    try:
        utc = moment.astimezone(UTC).replace(tzinfo=None)
        if later == _SECOND and (utc.hour, utc.minute) != _LAST_MINUTE:
            raise ValueError(text)
        return utc + later
    except OverflowError as reason:
        raise ValueError(text) from reason


def _carry(parts: dict[str, str | None]) -> timedelta:
    """Take out what goes beyond a clock, and return it: the 24:00 of a day, or a leap second."""
    rest = (parts["minute"], parts["second"] or "00", (parts["fraction"] or "").strip("0"))
    if parts["hour"] == "24" and rest == ("00", "00", "") and not parts["half"]:
        parts["hour"] = "0"
        return timedelta(days=1)
    if parts["second"] == "60":
        parts["second"] = "59"
        return _SECOND
    return timedelta()


def parse_time(text: str) -> time:
    """Read a time of day: as columns have it, or in another form of ISO 8601. Raises ValueError."""
    try:
        return parse(text, TIME).time()
    except ValueError:
        found = time.fromisoformat(text.strip())
    if found.tzinfo is not None:
        raise ValueError(text)
    return found


def _is_written(text: str, written: str) -> bool:
    try:
        parse(text, written)
    except ValueError:
        return False
    return True


def _has_zone(text: str, written: str) -> bool:
    found = _PATTERNS[written].fullmatch(text.strip())
    return bool(found and found.groupdict().get("zone"))


def _month(name: str) -> int:
    if name.lower() not in _MONTHS:
        raise ValueError(name)
    return _MONTHS[name.lower()]


def _time(parts: dict[str, str | None]) -> time:
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        if not 1 <= hour <= _NOON:
            raise ValueError(hour)
        hour = hour % _NOON + (_NOON if half in "Pp" else 0)
    fraction = (parts["fraction"] or "")[:6].ljust(6, "0")
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0), int(fraction))


def _zone(parts: dict[str, str | None]) -> timezone:
    if not parts.get("sign"):
        return UTC
    offset = timedelta(hours=int(parts["hours"] or 0), minutes=int(parts["minutes"] or 0))
    if offset > _LARGEST_OFFSET:
        raise ValueError(offset)
    return timezone(-offset if parts["sign"] == "-" else offset)
