"""Faults on request, to test how callers cope with them. Only an ephemeral server makes any."""

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple, Self

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.access.problems import RateLimited, Unavailable
from projects_api.app.http_protocol import CLOSE
from projects_api.contract.problems import InternalError, Problem, Unauthenticated
from projects_api.contract.rules import OPERATION
from projects_api.ephemeral.journal import FAULT, NOTE

HEADER = "X-Inject-Fault"
MOST_SECONDS = 60.0
_ASKED_FOR = "This fault was asked for, and nothing was done."

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "401": lambda: Unauthenticated(_ASKED_FOR),
    "429": lambda: RateLimited(f"{_ASKED_FOR} Wait 1 s.", headers={"Retry-After": "1"}),
    "500": lambda: InternalError(_ASKED_FOR),
    "503": lambda: Unavailable(f"{_ASKED_FOR} Repeat the request later."),
}
"""What every operation under `/api/` declares."""
GATEWAYS = {"502": "Bad Gateway", "504": "Gateway Timeout"}
"""What a proxy answers that does not reach the server: no problem document, but a page."""
_CUTS = frozenset({"drop-after", "truncate"})
CONNECTIONS = ("drop", *sorted(_CUTS))
"""What goes wrong with the connection: before the work, after it, amidst the answer."""


class UnknownFault(Problem):
    """The header asks for what there is not; it concerns the test, so no operation declares it."""

    status = 400
    slug = "unknown-fault"
    title = "There is no such fault"
    detail = (
        f"A fault is one of {', '.join([*PROBLEMS, *GATEWAYS, *CONNECTIONS])}, "
        f"or slow:SECONDS with at most {MOST_SECONDS:g}."
    )


class Fault(NamedTuple):
    """What a request is answered with instead of its usual answer, or before it."""

    name: str
    seconds: float = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a header or a rule says; raises UnknownFault."""
        text = text.strip()
        if text in PROBLEMS or text in GATEWAYS or text in CONNECTIONS:
            return cls(text)
        kind, _, number = text.partition(":")
        seconds = _seconds(number) if kind == "slow" else None
        if seconds is None:
            raise UnknownFault
        return cls(text, seconds)


class FaultsMiddleware:
    """Stands behind routing: answers a request with the fault that its header or a rule asks for.

    It concerns the operations under `/api/`, and counts them by `on_request`. `rule_for` gives the
    fault that a rule has for a request without the header.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_request: Callable[[], None],
        rule_for: Callable[[Scope], Fault | None],
    ) -> None:
        self.app = app
        self._on_request = on_request
        self._rule_for = rule_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Fail or wait, as asked for; else pass the request on."""
        fault = None
        if scope.get(OPERATION) and scope["path"].startswith("/api/"):
            self._on_request()
            fault = self._fault_of(scope)
        if fault is None:
            await self.app(scope, receive, send)
            return
        scope[FAULT] = fault.name
        if problem := PROBLEMS.get(fault.name):
            raise problem()
        if fault.name in GATEWAYS:
            await _answer_as_gateway(fault.name, scope, receive, send)
        elif fault.name == "drop":
            await _close(scope, receive)
        else:
            await asyncio.sleep(fault.seconds)
            await self.app(scope, receive, send)

    def _fault_of(self, scope: Scope) -> Fault | None:
        asked = Headers(scope=scope).get(HEADER)
        if not asked:
            return self._rule_for(scope)
        try:
            return Fault.parse(asked)
        except UnknownFault:
            # Else the answer would have to be one that the operation declares.
            del scope[OPERATION]
            raise


class CutMiddleware:
    """Stands outside of what answers problems: cuts an answer where the fault is that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and as much of its answer as there shall be."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        is_cut = False

        async def cut(message: Message) -> None:
            nonlocal start, is_cut
            if scope.get(FAULT) not in _CUTS:
                await send(message)
            elif message["type"] == "http.response.start":
                start = message
            elif not is_cut:
                is_cut = True
                assert start is not None
                await _send_half(scope, start, message.get("body", b""), send)

        await self.app(scope, receive, cut)
        if is_cut:
            await _close(scope, receive)


async def _send_half(scope: Scope, start: Message, piece: bytes, send: Send) -> None:
    # An answer without a body would be whole.
    if scope[FAULT] == "truncate" and piece:
        await send(start)
        half = piece[: len(piece) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def _close(scope: Scope, receive: Receive) -> None:
    """Close the connection; the caller has then all of an answer that there will be."""
    scope[NOTE]()
    scope["extensions"][CLOSE]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer_as_gateway(status: str, scope: Scope, receive: Receive, send: Send) -> None:
    said = f"{status} {GATEWAYS[status]}"
    page = f"<html><head><title>{said}</title></head><body><h1>{said}</h1></body></html>\n"
    await Response(page, int(status), media_type="text/html")(scope, receive, send)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= MOST_SECONDS else None
