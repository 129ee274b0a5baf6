"""Conditional requests (RFC 9110, section 13): entity tags of a resource and what callers ask."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

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
