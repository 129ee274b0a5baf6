"""What the lint asks of each schema: that it is decided on, ends, and makes code that works."""

import re
from collections.abc import Iterator

from tools.contract_tree import Fault, Place, schemas

_BOUNDS = {
    "string": ({"maxLength"}, {"enum"}),
    "array": ({"maxItems"},),
    "integer": ({"minimum", "maximum"}, {"enum"}),
}
# Ruby reads such an `\x` as a byte, of which no character begins; Go and Rust have no `\u`.
_HIGH_ESCAPE = re.compile(r"\\(x[89a-fA-F][0-9a-fA-F]|x\{|u|p)")


def schema_faults(tree: Place) -> Iterator[Fault]:
    """Check that every object is decided on and that everything else ends somewhere."""
    for schema in schemas(tree):
        kind = schema.get("type")
        is_whole = "properties" in schema or (kind == "object" and "allOf" not in schema)
        # One of `allOf` has its parts decided, each for itself.
        if is_whole and "additionalProperties" not in schema:
            yield schema.fault("additionalProperties is not decided")
        if _HIGH_ESCAPE.search(schema.get("pattern", "")):
            yield schema.fault("the pattern escapes what is not ASCII: write the character itself")
        yield from _null_faults(schema)
        yield from _default_faults(schema)
        # A file ends where its sender ends; the server has its own limit.
        if kind in _BOUNDS and schema.get("format") != "binary":
            choices = _BOUNDS[kind]
            if not any(all(word in schema for word in choice) for choice in choices):
                wanted = " or ".join(" and ".join(sorted(choice)) for choice in choices)
                yield schema.fault(f"{kind} has no bound: give {wanted}")


def _null_faults(schema: Place) -> Iterator[Fault]:
    if not schema.get("nullable"):
        return
    parts = schema["allOf"].children() if "allOf" in schema else ()
    if not all(part.get("nullable") for part in parts):
        yield schema.fault("null is refused by a part of allOf: let that one be nullable")
    # Generators name an object that may be null `cluster_type_0` and the like.
    if "properties" in schema:
        yield schema.fault("the object may be null: let it be left out instead")


def _default_faults(schema: Place) -> Iterator[Fault]:
    """Find defaults of which generators make code that does not compile."""
    default = schema.get("default")
    if isinstance(default, dict):
        yield schema.fault("the default is an object: give its properties theirs")
    if isinstance(default, list):
        yield schema.fault("the default is an array: say in the description what it is")
    if isinstance(default, str) and "type" not in schema and "enum" not in schema["allOf"][0]:
        yield schema.fault("the default is a text, and the type is not said")
