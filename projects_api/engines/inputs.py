"""What a model is asked about: rows, checked and turned into what its inputs take."""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

_LOOSE_MOMENT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2})(:\S*?)( ?UTC)?)?")


class InputRefused(ValueError):
    """Rows of the wrong shape; `faults` are JSON pointers into the rows, each with a message."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer} {message}" for pointer, message in faults))
        self.faults = list(faults)


def check_rows(
    signature: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Give each row exactly the model's inputs, as JSON values of their kinds.

    A field that is missing becomes None, and so does a text that marks missing values in the table
    from which the model was trained. A category that training did not see is kept. Fields that
    the model does not know, such as an id or the target, are left out, so that a whole row of a
    table can be asked about; but a row without any known field is refused. Numbers must be
    finite, dates must be ISO 8601 or as tables may write them (`2024-3-1 1:00`); they come back in
    UTC where they name an offset. Raises
    `InputRefused` with all faults; pointers start with the index of the row.
    """
    faults: list[tuple[str, str]] = []
    markers = frozenset(signature.get("missing", ()))
    checked = [
        _check_row(signature["inputs"], markers, row, f"/{index}", faults)
        for index, row in enumerate(rows)
    ]
    if faults:
        raise InputRefused(faults)
    return checked


def bucket(kind: str, value: Any) -> str:
    """Name the heap on which a value that is no number is counted, as a reference counts them.

    Dates are counted by month (`2026-02`), texts by their number of words (`5-9`), all else by
    itself. Takes what `check_rows` gives.
    """
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "date":
        return str(value)[:7]
    if kind == "text":
        words = len(value.split())
        return next(name for least, name in _TEXT_LENGTHS if words >= least)
    return str(value)


_TEXT_LENGTHS = ((50, "50+"), (10, "10-49"), (5, "5-9"), (1, "1-4"), (0, "0"))


def _check_row(
    inputs: Sequence[Mapping[str, Any]],
    markers: Collection[str],
    row: Mapping[str, Any],
    pointer: str,
    faults: list[tuple[str, str]],
) -> dict[str, Any]:
    if not any(field["name"] in row for field in inputs):
        names = ", ".join(field["name"] for field in inputs[:5])
        faults.append((pointer, f"must hold at least one of the model's inputs, such as {names}"))
        return {}
    checked: dict[str, Any] = {}
    for field in inputs:
        name, value = field["name"], row.get(field["name"])
        missing = value is None or (isinstance(value, str) and value in markers)
        try:
            checked[name] = None if missing else _COERCE[field["kind"]](value)
        except (TypeError, ValueError, OverflowError):
            where = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            faults.append((where, f"must be {_EXPECTED[field['kind']]} or null"))
    return checked


def _to_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _to_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _to_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _to_date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    moment = value if isinstance(value, datetime) else _parsed(_to_text(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat()


def _parsed(text: str) -> datetime:
    """Read a date or time in ISO 8601, or as tables may have it: with single digits, and ` UTC`."""
    found = _LOOSE_MOMENT.fullmatch(text)
    if found is None:
        return datetime.fromisoformat(text)
    year, month, day, hour, rest, utc = found.groups()
    time = f"T{hour:0>2}{rest}" if hour else ""
    return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}{time}{'Z' if utc else ''}")


_COERCE: dict[str, Callable[[Any], Any]] = {
    "number": _to_number,
    "boolean": _to_boolean,
    "category": _to_text,
    "date": _to_date,
    "text": _to_text,
}
_EXPECTED = {
    "number": "a finite number",
    "boolean": "true or false",
    "category": "a text",
    "date": "an ISO 8601 date or time, such as 2026-02-28T14:30:00Z,",
    "text": "a text",
}
