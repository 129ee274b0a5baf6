"""The pages for tests. They are no part of the contract, and take the owner's key.

Without the key any page in a browser of this machine could use them.
"""

import difflib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from projects_api.contract.problems import ContractViolation, Unauthenticated
from projects_api.contract.resolver import operations
from projects_api.contract.routing import Page
from projects_api.ephemeral.journal import MOST_ENTRIES, PREFIX, Journal
from projects_api.ephemeral.seed import PEOPLE
from projects_api.openapi import contract

MOST_SECONDS = 60.0
"""The longest wait that a test may ask for."""

Answer = Callable[[Request], Awaitable[Response]]
Form = TypeVar("Form", bound=BaseModel)


def one_of(known: Callable[[], list[str]]) -> AfterValidator:
    """Take the names that there are: a misspelt one would be met by no request, without a word."""

    def check(name: str) -> str:
        if name in known():
            return name
        alike = difflib.get_close_matches(name, known(), n=1, cutoff=0)
        raise ValueError(f"there is no {name!r}" + (f"; is it {alike[0]!r}?" if alike else ""))

    return AfterValidator(check)


def _operations() -> list[str]:
    return [one["operationId"] for one in operations(contract())]


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
        named = "; ".join(f"`{one['pointer'][1:]}`: {one['message']}" for one in wrong)
        raise ContractViolation(f"What was sent is wrong: {named}.", errors=wrong) from error


def as_json(document: Any, status: int = 200) -> Response:
    """Answer a document."""
    return Response(orjson.dumps(document), status, media_type="application/json")
