"""Rules: what an application adds to its contract, and the request that passes through them.

The engine checks requests and answers. Who may ask, what a handler is given beside what the
contract declares, and what becomes of a transaction are the application's.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from starlette.types import Receive, Scope

from projects_api.contract.problems import Problem
from projects_api.contract.responses import Answer
from projects_api.files.spool import Spool

OPERATION = "contract.operation"
"""The place in a request's scope where its operationId stands, once it is known."""
REQUEST_ID = "contract.request_id"
"""The place where a layer may leave an id of the request, which problems then repeat."""

BODY_ARRIVED = "contract.body_arrived"
"""The place in a scope's `extensions` of a function that tells whether all of a body is here.

A server may leave it; without it the engine takes no body to be.
"""
ON_STOP = "contract.on_stop"
"""The place in a scope's `extensions` of a function that takes another one: called when the server
stops, or at once where it does already. It lets a request end that would only wait.
"""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Operation:
    """What is known of an operation when it is compiled.

    `names` are what the contract declares of its requests, headers apart; `taken` what its handler
    takes; `headers` the names of the headers that it declares, in lower case.
    """

    id: str
    method: str
    declared: Mapping[str, Any]
    names: frozenset[str]
    taken: frozenset[str]
    headers: frozenset[str]
    takes_file: bool
    sends_file: bool


@dataclass(slots=True)
class Call:
    """One request on its way through an operation.

    `fault` is what is wrong with it, which rules raise once they know who asks.
    """

    scope: Scope
    receive: Receive
    values: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    """Preconditions that the operation does not declare."""
    fingerprint: str = ""
    fault: Problem | None = None
    token: str = ""
    """The bearer token that it carries, where the contract wants one."""

    def identity(self) -> tuple[str, str]:
        """Tell this request from another one of the same operation."""
        return self.scope["path"], self.fingerprint


class Unit(Protocol):
    """The rules of one operation."""

    used_up: frozenset[str]
    """Declared names that its handler need not take, for the rules have used them."""

    def execute(self, call: Call, work: Callable[[Call], Result]) -> Awaitable[Result]:
        """Do a request's work where it may take its time: at once, or in a thread."""

    def admit(self, call: Call) -> str | None:
        """Raise a problem where the caller may not even send a large body; else say who it is."""

    def run(self, call: Call, answer: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Admit the caller, raise the call's fault, and return what `answer` makes.

        `answer` takes what the handler is given beside what the contract declares, calls it, and
        checks what it returns. Once this returns, the answer is sent.
        """


class Rules(Protocol):
    """The rules of an application."""

    name: str
    """Stands in the types of its problems and names the realm of its keys."""
    injected: frozenset[str]
    """What handlers may take beside what the contract declares."""
    file_limits: Mapping[str, int]
    """The most bytes of an uploaded file, by what the contract's `x-limited-by` names."""
    problems: Mapping[type[Exception], type[Problem]]
    """What errors of the application's own libraries are to a caller; they are logged, too."""

    def compile(self, operation: Operation) -> Unit:
        """Make the rules of an operation; raises ValueError where it lacks what they need."""

    def not_found(self, parameter: str | None) -> Problem:
        """Make the problem of a path parameter that names nothing, or of a path that is none."""

    def spool(self, max_bytes: int) -> AbstractContextManager[Spool]:
        """Make a place for an uploaded file."""
