"""The contract of the Projects API: one file, read once."""

from functools import cache
from pathlib import Path
from typing import Any

from projects_api.contract.checker import parse_yaml

_PACKAGE = Path(__file__).resolve().parent


def contract_text() -> bytes:
    """Read the contract: inside an installed package, or beside it in a checkout."""
    inside = _PACKAGE / "openapi.yaml"
    return (inside if inside.exists() else _PACKAGE.parent / "openapi.yaml").read_bytes()


@cache
def contract() -> dict[str, Any]:
    """Parse the contract."""
    return parse_yaml(contract_text())
