"""Defaults: what the properties of an object are when they are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from projects_api.contract.checker import Schema


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the properties of an object are when they are left out, and those of objects in it.

    `optional` tells that nothing in the object is required.
    """

    own: dict[str, Any]
    inner: dict[str, "Defaults"]
    optional: bool

    @classmethod
    def of_schema(cls, schema: Schema) -> "Defaults":
        """Collect the defaults of a schema; a reference that carries one stands in an `allOf`.

        An object that must hold nothing is empty where it is left out, if something in it has a
        default.
        """
        properties: dict[str, Schema] = {}
        required: set[str] = set()
        for part in (*schema.get("allOf", ()), schema):
            properties |= part.get("properties", {})
            required |= set(part.get("required", ()))
        found = {name: cls.of_schema(declared) for name, declared in properties.items()}
        inner = {name: one for name, one in found.items() if one.own or one.inner}
        own: dict[str, Any] = {name: {} for name, one in inner.items() if one.optional}
        own |= {name: one["default"] for name, one in properties.items() if "default" in one}
        return cls(own, inner, optional=not required)

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with what they leave out."""
        completed = {**self.own, **values}
        for name, defaults in self.inner.items():
            if isinstance(completed.get(name), dict):
                completed[name] = defaults.complete(completed[name])
        return completed
