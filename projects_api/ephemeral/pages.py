"""The pages for tests. They are no part of the contract, and take the owner's key.

Without the key any page in a browser of this machine could use them.
"""

import difflib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from anyio import to_thread
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from projects_api.contract.problems import (
    ContractViolation,
    NotFound,
    NotJson,
    TooLarge,
    Unauthenticated,
)
from projects_api.contract.resolver import operations
from projects_api.contract.routing import Page
from projects_api.ephemeral.coverage import Coverage
from projects_api.ephemeral.fault_rules import FaultRules
from projects_api.ephemeral.faults import Fault, UnknownFault
from projects_api.ephemeral.journal import MOST_ENTRIES, PREFIX, Journal
from projects_api.ephemeral.seed import PEOPLE
from projects_api.ephemeral.snapshots import Snapshots
from projects_api.openapi import contract

MOST_SECONDS = 60.0
"""The longest wait that a test may ask for."""
MOST_BODY_BYTES = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

Answer = Callable[[Request], Awaitable[Response]]
Form = TypeVar("Form", bound=BaseModel)


def one_of(known: Callable[[], list[str]]) -> AfterValidator:
    """Take the names that there are: a misspelt one would be met by no request, without a word."""

    def check(name: str) -> str:
        if name in known():
            return name
        alike = difflib.get_close_matches(name, known(), n=1)
        raise ValueError(f"there is no {name!r}" + (f"; is it {alike[0]!r}?" if alike else ""))

    return AfterValidator(check)


def _operations(below: str = "/") -> list[str]:
    """List the ids of the operations below a path."""
    paths = {path: item for path, item in contract()["paths"].items() if path.startswith(below)}
    return [one["operationId"] for one in operations({"paths": paths})]


def _known_fault(text: str) -> str:
    try:
        return Fault.parse(text).name
    except UnknownFault as error:
        raise ValueError(error.detail) from error


OperationName = Annotated[str, one_of(_operations)]
RoleName = Annotated[str, one_of(lambda: list(PEOPLE))]


class Wanted(BaseModel):
    """The query of the journal: the requests that are asked for, and how many to wait for."""

    model_config = ConfigDict(extra="forbid")

    operation: OperationName | None = None
    role: RoleName | None = None
    status: int | None = Field(None, ge=100, le=599)
    method: str | None = None
    path: str | None = None
    wait: int = Field(0, ge=0, le=MOST_ENTRIES)
    seconds: float = Field(10.0, ge=0, le=MOST_SECONDS)


FIRST_YEAR, LAST_YEAR = 1971, 9000
"""Ids begin with the milliseconds since 1970, and the clock goes on from where it is set."""


def parse_moment(text: str) -> datetime:
    """Read a moment such as `2026-03-01T00:00:00Z`; raises `ValueError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment such as 2026-03-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC, such as Z")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is not within the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


class NewState(BaseModel):
    """The query of a reset: the state that is wanted, and where time begins."""

    model_config = ConfigDict(extra="forbid")

    clock: Annotated[datetime | None, BeforeValidator(parse_moment)] = None
    snapshot: str | None = None


class NewRule(BaseModel):
    """The body that adds a rule for faults."""

    model_config = ConfigDict(extra="forbid")

    fault: Annotated[str, AfterValidator(_known_fault)]
    operation: Annotated[str, one_of(lambda: _operations("/api/"))] | None = None
    role: RoleName | None = None
    times: int | None = Field(1, ge=1, strict=True)


class JournalPage:
    """`GET` tells the requests that came, `DELETE` forgets them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def answer(self, request: Request) -> Response:
        """Tell the requests, or forget them."""
        if request.method == "DELETE":
            self._journal.clear()
            return Response(status_code=204)
        wanted = parse(Wanted, request.query_params, "query")
        values = wanted.model_dump(exclude={"wait", "seconds"}, exclude_none=True)
        await self._journal.await_many(values, wanted.wait, wanted.seconds)
        found = self._journal.find(values)
        return as_json({"total": len(found), "forgotten": self._journal.forgotten, "items": found})


class CoveragePage:
    """`GET` tells what of the contract was exercised, `DELETE` begins anew; a reset does not."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage

    async def answer(self, request: Request) -> Response:
        """Tell it, or begin anew."""
        if request.method == "DELETE":
            self._coverage.clear()
            return Response(status_code=204)
        return as_json(self._coverage.document())


class FaultsPages:
    """The rules for faults: one page of all, and one of each."""

    def __init__(self, rules: FaultRules) -> None:
        self._rules = rules

    async def answer(self, request: Request) -> Response:
        """Add a rule, list all, or remove all."""
        if request.method == "POST":
            new = parse(NewRule, await _json_of(request), "body")
            fault = Fault.parse(new.fault)
            rule = self._rules.add(fault, new.operation, new.role, new.times)
            return as_json(rule.document(), 201)
        if request.method == "DELETE":
            self._rules.clear()
            return Response(status_code=204)
        return as_json({"items": self._rules.list()})

    async def remove(self, request: Request) -> Response:
        """Remove a rule."""
        if not self._rules.remove(request.path_params["rule_id"]):
            raise NotFound("There is no such rule. GET /_ephemeral/faults lists those there are.")
        return Response(status_code=204)


class SnapshotsPages:
    """The snapshots: one page of all, and one of each."""

    def __init__(
        self, snapshots: Snapshots, take: Callable[[str], None], remove: Callable[[str], None]
    ) -> None:
        self._snapshots = snapshots
        self._take = take
        self._remove = remove

    async def answer(self, _request: Request) -> Response:
        """List the names."""
        return as_json({"items": [{"name": name} for name in self._snapshots.names()]})

    async def answer_one(self, request: Request) -> Response:
        """Take one, or remove it."""
        name = request.path_params["name"]
        if not _NAME.fullmatch(name):
            raise ContractViolation(
                "Name a snapshot with 1 to 64 letters, digits, dots, dashes and underscores."
            )
        if request.method == "DELETE":
            await to_thread.run_sync(self._remove, name)
            return Response(status_code=204)
        await to_thread.run_sync(self._take, name)
        return as_json({"name": name}, 201)


def guarded(path: str, answer: Answer, owner_key: str, methods: list[str]) -> Page:
    """Make a page that answers to the owner."""

    async def check(request: Request) -> Response:
        sent = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(sent, f"Bearer {owner_key}".encode()):
            raise Unauthenticated("Send the owner's key: this page is for tests.")
        return await answer(request)

    return Page(PREFIX + path, check, methods=methods)


def parse(form: type[Form], values: Mapping[str, Any], location: str) -> Form:
    """Read the fields of a form; raises ContractViolation, which names those that are wrong.

    `location` is where they stand: `query` or `body`.
    """
    try:
        return form.model_validate(dict(values))
    except ValidationError as error:
        wrong = [
            {
                "location": location,
                "pointer": f"/{'/'.join(map(str, one['loc']))}",
                "message": one["msg"].removeprefix("Value error, "),
            }
            for one in error.errors(include_url=False, include_context=False)
        ]
        named = "; ".join(f"`{one['pointer'][1:]}`: {one['message'].rstrip('.')}" for one in wrong)
        end = "" if named.endswith("?") else "."
        raise ContractViolation(f"What was sent is wrong: {named}{end}", errors=wrong) from error


def as_json(document: Any, status: int = 200) -> Response:
    """Answer a document."""
    return Response(orjson.dumps(document), status, media_type="application/json")


async def _json_of(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise TooLarge(f"Send at most {MOST_BODY_BYTES} bytes.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"Send a JSON object: {error}.") from error
    if not isinstance(document, dict):
        raise NotJson("Send a JSON object.")
    return document
