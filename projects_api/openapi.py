"""The contract of the Projects API: one file, read once."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from projects_api.contract.checker import parse_yaml
from projects_api.files.cache import kept

_PACKAGE = Path(__file__).resolve().parent


def contract_text() -> bytes:
    """Read the contract: inside an installed package, or beside it in a checkout."""
    inside = _PACKAGE / "openapi.yaml"
    return (inside if inside.exists() else _PACKAGE.parent / "openapi.yaml").read_bytes()


@cache
def contract() -> dict[str, Any]:
    """Parse the contract; as JSON it is kept from one start to the next, for YAML takes long."""
    text = contract_text()
    as_json = kept(f"contract-{sha256(text).hexdigest()}", lambda: orjson.dumps(parse_yaml(text)))
    parsed: dict[str, Any] = orjson.loads(as_json)
    return parsed
