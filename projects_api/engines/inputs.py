"""What a model is asked about: rows, checked and turned into what its inputs take."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from projects_api.engines import moments

_EXAMPLE = date(2026, 2, 28)


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
    finite, dates must be ISO 8601, or as tables may write them (`2024-3-1 1:00`), or as the table
    of the training wrote them; they come back in ISO 8601, in UTC where they name an offset. Raises
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

    Dates are counted by month (`2026-02`), times of day by hour (`08:00`), texts by their number of
    words (`5-9`), all else by itself. Takes what `check_rows` gives.
    """
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "date":
        return f"{value[:2]}:00" if value[2:3] == ":" else str(value)[:7]
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
            checked[name] = None if missing else coerce(field, value)
        except (TypeError, ValueError, OverflowError):
            where = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            faults.append((where, f"must be {expected(field)} or null"))
    return checked


def coerce(field: Mapping[str, Any], value: Any) -> Any:
    """Turn a value that is not missing into what an input takes.

    Raises TypeError, ValueError or OverflowError where it is none.
    """
    if field["kind"] == "category" and "of" in field:
        return _to_category(value)
    if field["kind"] != "date":
        return _COERCE[field["kind"]](value)
    if value == "":  # as in a table of texts
        return None
    written = field.get("format")
    return _to_time(value) if written == moments.TIME else _to_date(value, written)


def expected(field: Mapping[str, Any]) -> str:
    """Write what an input takes, for a sentence."""
    written = field.get("format")
    if written == moments.TIME:
        return "a time of day, such as 14:30:00,"
    if written:
        return f"a date or time, such as {_EXAMPLE.strftime(written)} or 2026-02-28T14:30:00Z,"
    if field["kind"] == "category" and "of" in field:
        return "a number or a text" if field["of"] == "number" else "true, false or a text"
    return _EXPECTED[field["kind"]]


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


def _to_category(value: Any) -> str:
    """Write a number, true or false as a column of those that was learnt from as categories."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    number = _to_number(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _to_time(value: Any) -> str:
    return (value if isinstance(value, time) else moments.parse_time(_to_text(value))).isoformat()


def _to_date(value: Any, written: str | None) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    moment = value if isinstance(value, datetime) else _parsed(_to_text(value), written)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat()


def _parsed(text: str, written: str | None) -> datetime:
    """Read a date or time as tables may have it, or in another form of ISO 8601."""
    for one in (moments.ISO, written):
        try:
            return moments.parse(text, one or moments.ISO)
        except ValueError:
            pass
    return datetime.fromisoformat(text)


_COERCE: dict[str, Callable[[Any], Any]] = {
    "number": _to_number,
    "boolean": _to_boolean,
    "category": _to_text,
    "text": _to_text,
}
_EXPECTED = {
    "number": "a finite number",
    "boolean": "true or false",
    "category": "a text",
    "date": "an ISO 8601 date or time, such as 2026-02-28T14:30:00Z,",
    "text": "a text",
}
