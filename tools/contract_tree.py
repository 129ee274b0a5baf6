"""The contract as a tree of places, each of which can tell where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Steps = tuple[str | int, ...]

_VALUES = {"example", "examples", "default", "enum"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place of the contract."""

    path: Steps
    message: str

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer (RFC 6901)."""
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in self.path)
        return "#" + "".join(f"/{part}" for part in parts)

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}"


class DanglingReferenceError(LookupError):
    """A reference leads to nothing; the text names its place."""


class Place:
    """A value of the contract and the path that leads to it; a reference is followed at once."""

    def __init__(self, root: Any, path: Steps = ()) -> None:
        self.root = root
        self.path = path
        self.value: Any = root
        for part in path:
            self.value = self.value[part]
        if isinstance(self.value, dict) and "$ref" in self.value:
            reference = self.value["$ref"]
            try:
                target = Place(root, tuple(reference.removeprefix("#/").split("/")))
            except KeyError as missing:
                where = "/".join(map(str, path))
                raise DanglingReferenceError(f"#/{where}: there is no {reference}") from missing
            self.path, self.value = target.path, target.value

    def __getitem__(self, part: str | int) -> "Place":
        return Place(self.root, (*self.path, part))

    def __contains__(self, part: str) -> bool:
        return isinstance(self.value, dict) and part in self.value

    def get(self, part: str, default: Any = None) -> Any:
        """Return the value of a member."""
        return self.value.get(part, default) if isinstance(self.value, dict) else default

    def items(self) -> Iterator[tuple[str | int, "Place"]]:
        """Yield the members of an object or of an array."""
        parts = self.value if isinstance(self.value, dict) else range(len(self.value))
        yield from ((part, self[part]) for part in parts)

    def children(self) -> list["Place"]:
        """Return the members of an object or of an array."""
        return [place for _, place in self.items()]

    def parent(self) -> "Place":
        """Return the place that this one is a member of."""
        return Place(self.root, self.path[:-1])

    def fault(self, message: str) -> Fault:
        """Say what is wrong here."""
        return Fault(self.path, message)


def operations(tree: Place) -> Iterator[Place]:
    """Yield every operation in the contract's order."""
    for path in tree["paths"].children():
        yield from (one for one in path.children() if "operationId" in one)


def parameters(operation: Place) -> list[Place]:
    """Return an operation's parameters, those of its path included."""
    path = operation.parent()
    return [
        parameter
        for place in (path, operation)
        if "parameters" in place
        for parameter in place["parameters"].children()
    ]


def examples(holder: Place) -> Iterator[Place]:
    """Yield the values of the examples of a body, a header or a parameter."""
    if "example" in holder:
        yield holder["example"]
    if "examples" in holder:
        yield from (example["value"] for example in holder["examples"].children())


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a value."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "$ref":
                yield part
            else:
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def check_references(tree: Place) -> None:
    """Raise `DanglingReferenceError` for the first reference that leads to nothing."""
    rest: list[tuple[Steps, Any]] = [(tree.path, tree.value)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, dict) and "$ref" in value:
            Place(tree.root, path)
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        rest += [((*path, key), part) for key, part in parts if isinstance(part, dict | list)]


def schemas(tree: Place) -> Iterator[Place]:
    """Yield every schema of the contract where it is written, those within others included."""
    for path in _schema_paths(tree.root, ()):
        yield Place(tree.root, path)


def _schema_paths(value: Any, path: Steps) -> Iterator[Steps]:
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _schema_paths(part, (*path, index))
    elif isinstance(value, dict) and "$ref" not in value:
        if _holds_schema(path):
            yield path
        for key, part in value.items():
            # What stands in an example is a value, whatever it looks like.
            if key not in _VALUES or path[-1:] == ("properties",):
                yield from _schema_paths(part, (*path, key))


def _holds_schema(path: Steps) -> bool:
    keys = {"schema", "items", "additionalProperties", "not"}
    *_, parent, key = (None, None, *path)
    return (
        (key in keys and parent != "properties")
        or parent in {"schemas", "properties"}
        or (isinstance(key, int) and parent in {"allOf", "anyOf", "oneOf"})
    )
