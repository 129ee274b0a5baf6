"""What a model is asked about: one row or many, checked against what the model takes."""

from collections.abc import Iterable, Mapping
from typing import Any

from projects_api.engines.inputs import InputRefused, check_rows
from projects_api.predictions.faults import RowsRefused

MAX_ROWS = 10_000
MAX_FAULTS = 100
MAX_IGNORED = 100

Row = dict[str, Any]


def read_rows(signature: Mapping[str, Any], inputs: Any) -> tuple[list[Row], list[str]]:
    """Return the rows as the model takes them, and the names of fields that it does not know.

    `inputs` is what a body says. Raises `RowsRefused` with the place of each fault in the inputs.
    """
    rows = [inputs] if isinstance(inputs, dict) else inputs
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise _refusal([("", f"must be a row, or a list of 1 to {MAX_ROWS} rows")])
    if faults := [
        (f"/{number}", "must be an object")
        for number, row in enumerate(rows)
        if not isinstance(row, dict)
    ]:
        raise _refusal(faults)
    try:
        checked = check_rows(signature, rows)
    except InputRefused as refused:
        single = rows is not inputs
        raise _refusal(
            (pointer.removeprefix("/0") if single else pointer, message)
            for pointer, message in refused.faults
        ) from refused
    known = {field["name"] for field in signature["inputs"]}
    unknown = sorted({name for row in rows for name in row if name not in known})
    return checked, unknown[:MAX_IGNORED]


def _refusal(faults: Iterable[tuple[str, str]]) -> RowsRefused:
    return RowsRefused(list(faults)[:MAX_FAULTS])
