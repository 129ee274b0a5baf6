"""Parameters: decoded from the path, the query and the headers, and checked."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

from projects_api.contract.checker import Checker, Schema
from projects_api.contract.problems import ContractViolation

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


class UnknownResource(Exception):
    """A path parameter breaks its schema, so that it names no resource."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _integer(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _number(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


def _boolean(text: str) -> bool | str:
    return _BOOLEANS.get(text, text)


_DECODERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": str,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation. Text that does not decode stays text, and fails the check."""

    name: str
    location: str
    required: bool
    decode: Callable[[str], Any]
    check: Checker

    @classmethod
    def from_contract(cls, declaration: Mapping[str, Any]) -> "Parameter":
        """Compile a parameter object; a type that nothing here decodes is refused at start-up."""
        schema: Schema = declaration["schema"]
        decode = str.lower if schema.get("format") == "uuid" else _DECODERS[schema["type"]]
        name = declaration["name"]
        return cls(
            name=name.lower() if declaration["in"] == "header" else name,
            location=declaration["in"],
            required=declaration.get("required", False),
            decode=decode,
            check=Checker(schema),
        )


class Parameters:
    """All parameters of an operation."""

    def __init__(self, declarations: Iterable[Mapping[str, Any]]) -> None:
        declarations = list(declarations)
        compiled = [Parameter.from_contract(declaration) for declaration in declarations]
        self.path = [one for one in compiled if one.location == "path"]
        self.query = {one.name: one for one in compiled if one.location == "query"}
        self.headers = {one.name.encode(): one for one in compiled if one.location == "header"}
        plain = [one for one in compiled if one.location != "header"]
        self.names = [one.name for one in plain]
        self.defaults = {
            declaration["name"]: declaration["schema"]["default"]
            for declaration in declarations
            if "default" in declaration["schema"]
        }
        self.always_present = {*self.defaults, *(one.name for one in plain if one.required)}

    def decode(self, scope: Scope) -> dict[str, Any]:
        """Decode and check what the path and the query say, and fill in defaults.

        Raises `UnknownResource` for the path and `ContractViolation` for the query.
        """
        values = dict(self.defaults)
        for parameter in self.path:
            value = parameter.decode(scope["path_params"][parameter.name])
            if not parameter.check.accepts(value):
                raise UnknownResource(parameter.name)
            values[parameter.name] = value
        if self.query:
            self._decode_query(scope["query_string"], values)
        return values

    def decode_headers(self, scope: Scope) -> dict[str, str]:
        """Decode and check the headers that the operation declares."""
        found: dict[str, str] = {}
        for name, value in scope["headers"] if self.headers else ():
            if parameter := self.headers.get(name):
                text = value.decode("latin-1")
                # A header that comes twice is one list (RFC 9110, section 5.3).
                text = f"{found[parameter.name]}, {text}" if parameter.name in found else text
                found[parameter.name] = text
        faults = [
            fault
            for name, text in found.items()
            for fault in self.headers[name.encode()].check.faults(text, "header", name)
        ]
        if faults:
            raise _violation(faults)
        return found

    def _decode_query(self, query_string: bytes, values: dict[str, Any]) -> None:
        faults: list[dict[str, str]] = []
        seen = set()
        for name, text in _pairs(query_string):
            parameter = self.query.get(name)
            if parameter is None:
                continue
            value = parameter.decode(text)
            if name in seen:
                faults.append(_fault(name, "is given more than once"))
            elif not parameter.check.accepts(value):
                faults.extend(parameter.check.faults(value, "query", name))
            seen.add(name)
            values[name] = value
        for name, parameter in self.query.items():
            if parameter.required and name not in seen:
                faults.append(_fault(name, "is required"))
        if faults:
            raise _violation(faults)


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        text = query_string.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        fault = {"location": "query", "pointer": "", "message": f"cannot be decoded: {error}"}
        raise _violation([fault]) from error


def _fault(name: str, message: str) -> dict[str, str]:
    return {"location": "query", "pointer": f"/{name}", "message": message}


def _violation(faults: list[dict[str, str]]) -> ContractViolation:
    return ContractViolation(describe(faults), errors=faults)


def describe(faults: list[dict[str, str]]) -> str:
    """Sum up faults in a sentence or more for people."""
    told = (
        f"{fault['location']} {fault['pointer']}".strip() + f": {fault['message']}"
        for fault in faults
    )
    return f"Mend the request: {'; '.join(told)}."[:2000]
