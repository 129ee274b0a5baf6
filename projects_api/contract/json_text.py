"""JSON texts, of which everybody who reads them must see the same."""

import json
import re
from typing import Any, NoReturn

import orjson

from projects_api.contract.problems import MalformedBody, NotJson

_SHOWN = 100
_HOLDERS = (dict, list)
_SPACED = re.compile(rb'"[ \t\r\n]+:')
"""A name before a colon that does not follow at once, so that counting `":` would miss it."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(raw: bytes) -> Any:
    """Parse a text; raises `NotJson`, or `MalformedBody` for one that is JSON and not taken.

    Of two members of one name some readers see the first and others the last (RFC 8259, section
    4): what a proxy before the server has checked would not be what the server does.
    """
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _raise_limit(raw)
        raise NotJson(f"Send a JSON text in UTF-8: {error}.") from error
    if _SPACED.search(raw) or raw.count(b'":') != _members(values):
        _check_members(raw.decode())
    return values


def _members(value: Any) -> int:
    """Count the members of all objects; no text has fewer, unless a name stands twice."""
    count, left = 0, [value]  # no recursion, for texts are as deep as their senders like
    while left:
        one = left.pop()
        if type(one) is dict:
            count += len(one)
            left += [part for part in one.values() if type(part) in _HOLDERS]
        elif type(one) is list:
            left += [part for part in one if type(part) in _HOLDERS]
    return count


def _check_members(text: str) -> None:
    try:
        _READER.decode(text)
    except RecursionError:
        raise _too_deep() from None


def _once(members: list[tuple[str, Any]]) -> None:
    names = dict(members)
    if len(names) == len(members):
        return
    for name, _ in members:
        if name not in names:
            raise MalformedBody(
                f"Send each member of an object once: {json.dumps(name[:_SHOWN])} stands twice."
            )
        del names[name]


def _raise_limit(raw: bytes) -> None:
    """Raise what tells of a limit, where a text is JSON all the same."""
    try:
        json.loads(raw.decode(), parse_int=len, parse_float=len, parse_constant=_refuse)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        return
    if not _SURROGATE.search(raw):
        raise MalformedBody("Send numbers that a double holds, and objects in fewer levels.")


def _too_deep() -> MalformedBody:
    return MalformedBody("Send arrays and objects in fewer levels.")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers are measured instead of made, for nobody asks for them here.
_READER = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)
