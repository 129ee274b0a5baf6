"""Who may do what in the library: whoever has a card may change, and everybody may read."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from projects_api.contract import Call, NotFound, Operation, Problem
from projects_api.contract.checker import parse_yaml
from projects_api.contract.problems import Unauthenticated
from projects_api.contract.serving import serve
from projects_api.files.spool import Spool

CARDS = {"card-of-ann": "Ann", "card-of-bob": "Bob"}
CONTRACT = Path(__file__).parent / "openapi.yaml"


class BookNotFound(NotFound):
    """The library has no such book."""

    slug = "book-not-found"
    title = "No such book"
    detail = "The library has no book with this id."


class BookLent(Problem):
    """Somebody has it."""

    status = 409
    slug = "book-lent"
    title = "The book is lent"
    detail = "Somebody has this book. Ask again later."


class ShelfBroken(Exception):
    """The library's own fault, which its rules know what to say of."""


class Closed(Problem):
    """Nothing can be had now."""

    status = 503
    slug = "closed"
    title = "The library is closed"
    detail = "Come again tomorrow."


class LibraryUnit:
    """An operation of the library, which one reader at a time does."""

    used_up: frozenset[str] = frozenset()

    def __init__(self, operation: Operation, books: dict[str, Any], lock: Lock) -> None:
        self._is_open = operation.declared.get("security") == []
        self._books = books
        self._lock = lock

    async def execute(self, call: Call, work):
        return await asyncio.to_thread(work, call)

    def admit(self, call: Call) -> str | None:
        if self._is_open:
            return None
        if call.token not in CARDS:
            raise Unauthenticated
        return CARDS[call.token]

    def run(self, call: Call, answer):
        reader = self.admit(call)
        if call.fault:
            raise call.fault
        with self._lock:
            return answer({"books": self._books, "reader": reader})


class LibraryRules:
    """The rules of the library; `operations` is what they were asked to compile."""

    name = "library"
    injected = frozenset({"books", "reader"})
    file_limits: Mapping[str, int] = MappingProxyType({"cover_bytes": 1000})
    problems: Mapping[type[Exception], type[Problem]] = MappingProxyType({ShelfBroken: Closed})

    def __init__(self) -> None:
        self.books: dict[str, Any] = {}
        self.operations: dict[str, Operation] = {}
        self._lock = Lock()

    def compile(self, operation: Operation) -> LibraryUnit:
        self.operations[operation.id] = operation
        return LibraryUnit(operation, self.books, self._lock)

    def not_found(self, parameter: str | None) -> Problem:
        return BookNotFound() if parameter else NotFound()

    def spool(self, max_bytes: int) -> AbstractContextManager[Spool]:
        return Spool(None, max_bytes)


def contract() -> dict[str, Any]:
    return parse_yaml(CONTRACT.read_bytes())


def application(
    changed: dict[str, Any] | None = None, rules: LibraryRules | None = None, **options
):
    handlers = f"{__package__}.handlers"
    return serve(changed or contract(), handlers, rules or LibraryRules(), **options)
