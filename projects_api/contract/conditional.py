"""Conditional requests (RFC 9110, section 13): entity tags of a resource and what callers ask."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson
from starlette.types import Scope

from projects_api.contract.problems import ConditionUnmet

IF_MATCH, IF_NONE_MATCH = "if-match", "if-none-match"
CONDITIONS = {name.encode(): name for name in (IF_MATCH, IF_NONE_MATCH)}
_TAG = re.compile(r'(?:W/)?"[^"]*"')


def entity_tag(resource: Mapping[str, Any]) -> str:
    """Return the tag of a resource: it changes exactly when the representation does."""
    return f'"{blake2b(orjson.dumps(resource), digest_size=12).hexdigest()}"'


def matches(condition: str, tag: str, *, weak: bool) -> bool:
    """Return whether a condition names a tag; a weak comparison ignores `W/`, a strong fails."""
    if condition.strip() == "*":
        return True
    tags = _TAG.findall(condition)
    return tag in ([one.removeprefix("W/") for one in tags] if weak else tags)


def conditions_of(scope: Scope) -> dict[str, str]:
    """Return the preconditions of a request; one that comes twice is one list."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if known := CONDITIONS.get(name):
            text = value.decode("latin-1")
            found[known] = f"{found[known]}, {text}" if known in found else text
    return found


def check_untagged(conditions: Mapping[str, str], *, reads: bool) -> None:
    """Raise what does not hold of something that is there and has no entity tag (RFC 9110, 13)."""
    if conditions.get(IF_MATCH, "*").strip() != "*":
        raise ConditionUnmet(
            "This has no ETag that If-Match could name. Repeat the request without If-Match."
        )
    if not reads:
        check_absent(conditions, None)


def check_tagged(conditions: Mapping[str, str], tag: str) -> None:
    """Raise what does not hold of something that was read."""
    condition = conditions.get(IF_MATCH, "*")
    if not matches(condition, tag, weak=False):
        raise ConditionUnmet(weakened(condition, tag) or "This has another ETag by now.")


def check_absent(conditions: Mapping[str, str], tag: str | None) -> None:
    """Raise where something must not be there, or not have this tag, for it to be changed."""
    condition = conditions.get(IF_NONE_MATCH, "")
    if condition.strip() == "*" or (tag and matches(condition, tag, weak=True)):
        raise ConditionUnmet(
            "If-None-Match asks for a change where this is not there, or has another ETag; it is "
            "there. Repeat the request without If-None-Match."
        )


def weakened(condition: str, tag: str) -> str:
    """Say why a tag that is this one does not match, where it was weakened on its way."""
    if not matches(condition, tag, weak=True):
        return ""
    return (
        "If-Match takes no weak tag (`W/`), which a proxy that compresses makes of the server's. "
        "Send the tag without `W/`, or have the proxy compress no JSON."
    )
