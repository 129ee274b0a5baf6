"""Faults on request, to test how callers cope with them. Only an ephemeral server makes any."""

import asyncio
import math
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from projects_api.access.problems import RateLimited, Unavailable
from projects_api.contract.problems import Problem
from projects_api.contract.rules import OPERATION

HEADER = "X-Inject-Fault"
MOST_SECONDS = 60.0


class UnknownFault(Problem):
    """The header asks for what there is not; it concerns the test, so no operation declares it."""

    status = 400
    slug = "unknown-fault"
    title = "There is no such fault"
    detail = f"{HEADER} takes `429`, `503`, or `slow:SECONDS` with at most {MOST_SECONDS:g}."


class FaultsMiddleware:
    """Stands behind routing: answers a request with the fault that its header asks for.

    It concerns the operations under `/api/`, each of which declares these answers, and counts them
    by `on_request`.
    """

    def __init__(self, app: ASGIApp, *, on_request: Callable[[], None]) -> None:
        self.app = app
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Fail or wait, as asked for; else pass the request on."""
        if scope.get(OPERATION) and scope["path"].startswith("/api/"):
            self._on_request()
            if fault := Headers(scope=scope).get(HEADER):
                await _inject(fault, scope)
        await self.app(scope, receive, send)


async def _inject(fault: str, scope: Scope) -> None:
    match fault.strip().partition(":"):
        case "429", "", _:
            raise RateLimited("This fault was asked for. Wait 1 s.", headers={"Retry-After": "1"})
        case "503", "", _:
            raise Unavailable("This fault was asked for. Repeat the request later.")
        case "slow", _, seconds if (delay := _seconds(seconds)) is not None:
            await asyncio.sleep(delay)
        case _:
            del scope[OPERATION]
            raise UnknownFault


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= MOST_SECONDS else None
