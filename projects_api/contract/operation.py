"""Operations: one object each, compiled from the contract at start-up.

It decodes and checks the request, has the rules run its handler, checks and writes the answer, and
only then sends.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from starlette.types import Receive, Scope, Send

from projects_api.contract.bodies import compile_body
from projects_api.contract.conditional import (
    IF_MATCH,
    IF_NONE_MATCH,
    check_tagged,
    check_untagged,
    conditions_of,
    matches,
)
from projects_api.contract.lean_connexion import AbstractOperation
from projects_api.contract.multipart import MultipartBody
from projects_api.contract.parameters import Parameters, UnknownResource
from projects_api.contract.problems import Problem
from projects_api.contract.ranges import RangeNotSatisfiable, part_of
from projects_api.contract.resolver import MismatchError, check_signature, taken_names
from projects_api.contract.responses import Answer, Responses
from projects_api.contract.rules import BODY_ARRIVED, Call, Operation, Rules
from projects_api.contract.security import bearer_token
from projects_api.contract.sending import discard, send_answer


class BoundOperation:
    """An operation of the contract, bound to its handler and to its rules."""

    def __init__(
        self, contract: Mapping[str, Any], operation: AbstractOperation, rules: Rules
    ) -> None:
        declared = contract["paths"][operation.path][operation.method]
        self._rules = rules
        self._handler: Callable[..., Any] = operation.function
        self._parameters = Parameters(operation.parameters)
        self._body = compile_body(operation.request_body, rules.file_limits)
        self._responses = Responses(contract, operation.responses)
        self._reads = operation.method == "get"
        self._is_keyed = bool(declared.get("security", contract.get("security")))
        # What a write depends on is known to the rules, which find what it changes.
        self._is_guarded = IF_MATCH.encode() in self._parameters.headers
        parts = (self._parameters, self._body) if self._body else (self._parameters,)
        names = frozenset(name for part in parts for name in part.names)
        self._taken = taken_names(self._handler)
        self._unit = rules.compile(
            Operation(
                declared["operationId"],
                operation.method,
                declared,
                names,
                self._taken,
                frozenset(name.decode() for name in self._parameters.headers),
                takes_file=isinstance(self._body, MultipartBody),
                sends_file=self._responses.sends_file,
            )
        )
        check_signature(
            self._handler,
            names,
            always_present={name for part in parts for name in part.always_present},
            injected=rules.injected,
            used_up=self._unit.used_up,
        )
        if IF_NONE_MATCH.encode() in self._parameters.headers and not self._responses.is_tagged:
            raise MismatchError(f"{declared['operationId']} takes If-None-Match but gives no ETag")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every problem is raised, and written in one place."""
        call = Call(scope, receive)
        if self._is_keyed:
            call.token = bearer_token(scope)
        with ExitStack() as resources:
            try:
                await self._receive(call, receive, resources)
            except UnknownResource as unknown:
                call.fault = self._rules.not_found(unknown.name)
            except Problem as problem:
                call.fault = problem
            answer = await self._unit.execute(call, self._answer)
        # Only now, for the unit may give several callers the same answer.
        if call.conditions and self._reads:
            answer = await _unless_known(call, answer)
        if answer.file:
            answer = await _part(call, answer)
        await send_answer(answer, receive, send, with_body=scope["method"] != "HEAD")

    async def _receive(self, call: Call, receive: Receive, resources: ExitStack) -> None:
        call.headers = self._parameters.decode_headers(call.scope)
        call.conditions = conditions_of(call.scope)
        call.values = self._parameters.decode(call.scope)
        if isinstance(self._body, MultipartBody):
            # Before a large body is read, its sender must at least have a key for it.
            await self._unit.execute(call, self._unit.admit)
            spool = resources.enter_context(self._rules.spool(self._body.max_file_bytes))
            received = await self._body.read(call.scope, receive, spool)
        elif self._body:
            sender = None
            arrived = call.scope.get("extensions", {}).get(BODY_ARRIVED)
            if arrived is None or not arrived():
                # Nobody waits for a body whose sender may not send one.
                sender = await self._unit.execute(call, self._unit.admit)
            received = await self._body.read(call.scope, receive, resources, sender)
        else:
            return
        call.values |= received.values
        call.fingerprint = received.fingerprint

    def _answer(self, call: Call) -> Answer:
        def answer(injected: Mapping[str, Any]) -> Answer:
            if call.conditions and not (self._reads or self._is_guarded):
                check_untagged(call.conditions, reads=False)
            offered = {**injected, **call.values}
            arguments = {name: offered[name] for name in self._taken if name in offered}
            return self._responses.write(self._handler(**arguments))

        return self._unit.run(call, answer)


async def _part(call: Call, answer: Answer) -> Answer:
    try:
        return part_of(answer, call.scope)
    except RangeNotSatisfiable:
        await discard(answer)
        raise


async def _unless_known(call: Call, answer: Answer) -> Answer:
    tag = answer.headers.get("etag", "")
    try:
        if tag:
            check_tagged(call.conditions, tag)
        else:
            check_untagged(call.conditions, reads=True)
    except Problem:
        await discard(answer)
        raise
    if not matches(call.conditions.get(IF_NONE_MATCH, ""), tag, weak=True):
        return answer
    await discard(answer)
    return Answer(304, {"etag": tag} if tag else {})
