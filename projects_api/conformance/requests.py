"""Requests, judged by what decodes and checks them on this server."""

from collections.abc import Mapping
from typing import Any

from starlette.types import Message

from projects_api.conformance.exchange import MOST_BODY_BYTES, Exchange, header
from projects_api.conformance.verdict import REQUEST, Fault
from projects_api.contract.bodies import DEFAULT_LIMIT, JsonBody, compile_body
from projects_api.contract.json_text import parse_json
from projects_api.contract.multipart import MultipartBody
from projects_api.contract.parameters import Parameters, UnknownResource
from projects_api.contract.problems import Problem
from projects_api.files.spool import Spool

BEARER = "bearer "


class RequestJudge:
    """What the contract says of the requests of an operation."""

    def __init__(self, operation: Mapping[str, Any], parameters: list[Any]) -> None:
        self._parameters = Parameters(parameters)
        declared = operation.get("requestBody", {})
        # How large a file may be is the server's to say.
        limits = {DEFAULT_LIMIT, declared.get("x-limited-by", DEFAULT_LIMIT)}
        self._body = compile_body(declared, dict.fromkeys(limits, MOST_BODY_BYTES))
        self._needs_key = bool(operation["security"])
        self._required_headers = [
            one["name"].lower()
            for one in parameters
            if one["in"] == "header" and one.get("required")
        ]

    async def faults(self, exchange: Exchange, path_parameters: dict[str, str]) -> list[Fault]:
        """Say what of a request breaks the contract; a body that is not known is not judged."""
        scope = {**exchange.scope(), "path_params": path_parameters}
        found = [*self._faults_of_headers(exchange)]
        for decode in (self._parameters.decode, self._parameters.decode_headers):
            try:
                decode(scope)
            except UnknownResource as unknown:
                message = "is not what the contract says of it"
                found.append(Fault(REQUEST, "path", f"/{unknown.name}", message))
            except Problem as problem:
                found += _of_problem(problem)
        if self._body and not exchange.body.unknown:
            try:
                await self._check_body(exchange)
            except Problem as problem:
                found += _of_problem(problem)
        return found

    def _faults_of_headers(self, exchange: Exchange) -> list[Fault]:
        missing = [
            name
            for name in self._required_headers
            if header(exchange.headers, name.encode()) is None
        ]
        key = header(exchange.headers, b"authorization")
        is_judged = self._needs_key and (exchange.keys_were_recorded or key is not None)
        if is_judged and not (key or "").lower().startswith(BEARER):
            missing.append("authorization")
        return [Fault(REQUEST, "header", f"/{name}", "is required") for name in missing]

    async def _check_body(self, exchange: Exchange) -> None:
        scope = exchange.scope()
        body = self._body
        content = bytes(exchange.body.content)

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        if isinstance(body, JsonBody):
            body.expect(scope, MOST_BODY_BYTES)
            body.complete(parse_json(content))
        elif isinstance(body, MultipartBody):
            with Spool(None, MOST_BODY_BYTES) as spool:
                await body.read(scope, receive, spool)


def _of_problem(problem: Problem) -> list[Fault]:
    if not problem.errors:
        return [Fault(REQUEST, "body", "", problem.detail)]
    return [
        Fault(REQUEST, one["location"], one["pointer"], one["message"]) for one in problem.errors
    ]
