"""Contract enforcement: one object per operation, compiled from the contract at start-up.

It decodes and checks the request, runs the handler in one transaction in a worker thread, checks
and writes the answer, commits, and only then sends.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.types import Receive, Scope, Send

from projects_api.access import idempotency
from projects_api.access.access import NOT_FOUND, Access
from projects_api.access.authentication import authenticate
from projects_api.app.services import Services
from projects_api.contract.bodies import MultipartBody, Received, compile_body
from projects_api.contract.conditional import entity_tag, matches
from projects_api.contract.parameters import Parameters, UnknownResource
from projects_api.contract.problems import PreconditionFailed, Problem, Unavailable
from projects_api.contract.resolver import check_signature
from projects_api.contract.responses import Answer, Responses
from projects_api.contract.sending import send_answer
from projects_api.models.admission import Membership
from projects_api.models.api_key import Caller

Result = TypeVar("Result")


@dataclass(slots=True)
class Call:
    """One request on its way through an operation."""

    scope: Scope
    values: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    fault: Problem | None = None

    def fill(self, received: Received) -> None:
        """Add what the body holds."""
        self.values |= received.values
        self.fingerprint = received.fingerprint

    def identity(self) -> tuple[str, str]:
        """Tell this request from another one of the same operation."""
        return self.scope["path"], self.fingerprint


class EnforcedOperation:
    """An operation of the contract, bound to its handler."""

    def __init__(
        self, contract: Mapping[str, Any], operation: AbstractOperation, services: Services
    ) -> None:
        declared = contract["paths"][operation.path][operation.method]
        self.id: str = declared["operationId"]
        self._services = services
        self._handler = operation.function
        self._parameters = Parameters(operation.parameters)
        self._body = compile_body(operation.request_body, services.settings)
        self._responses = Responses(contract, operation.responses)
        parts = (self._parameters, self._body) if self._body else (self._parameters,)
        names = {name for part in parts for name in part.names}
        certain = {name for part in parts for name in part.certain}
        self._access = Access.from_contract(declared, names)
        self._taken = check_signature(
            self._handler, names, certain=certain, consumed=self._access.through
        )
        takes_file = isinstance(self._body, MultipartBody)
        self._moves_file = takes_file or self._responses.moves_file
        # A prediction takes time in which nobody else should wait to write.
        changes = operation.method != "get" and self._access.scope != "predict"
        self._writing = changes or self._moves_file
        self._snapshot = self._moves_file and not takes_file
        # What takes the database and no connection begins transactions of its own.
        self._alone = self._moves_file or (
            "database" in self._taken and "connection" not in self._taken
        )
        # A read of SQLite or of nothing waits for nobody: a thread would only cost time.
        slow = {"artifacts", "database", "predictions", "readiness"}
        reads_only = not self._writing and self._taken.isdisjoint(slow)
        self._at_once = reads_only and (services.database.is_embedded or self._access.scope is None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every problem is raised, and written in one place."""
        call = Call(scope)
        with ExitStack() as resources:
            try:
                await self._receive(call, receive, resources)
            except UnknownResource as unknown:
                call.fault = NOT_FOUND[unknown.name]()
            except Problem as problem:
                call.fault = problem
            answer = await self._find_answer(call)
        await send_answer(answer, receive, send)

    async def _find_answer(self, call: Call) -> Answer:
        if self._at_once or (call.fault and self._access.scope is None):
            return self._answer(call)  # What one caller did wrong is nobody else's answer.
        if self._access.scope is None:
            return await self._services.shared.get(self.id, partial(self._answer, call))
        return await self._in_thread(self._answer, call)

    async def _receive(self, call: Call, receive: Receive, resources: ExitStack) -> None:
        call.headers = self._parameters.decode_headers(call.scope)
        call.values = self._parameters.decode(call.scope)
        if isinstance(self._body, MultipartBody):
            # Before a large body is read, its sender must at least have a key for it.
            await self._in_thread(self._admit_alone, call)
            spool = resources.enter_context(
                self._services.artifacts.spool(self._body.max_file_bytes)
            )
            call.fill(await self._body.read(call.scope, receive, spool))
        elif self._body:
            call.fill(await self._body.read(call.scope, receive))

    async def _in_thread(self, function: Callable[[Call], Result], call: Call) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._services.threads, function, call)

    def _answer(self, call: Call) -> Answer:
        key = call.headers.get(idempotency.HEADER)
        try:
            if self._access.scope is None:
                return self._responses.write(self._handler(**self._arguments(call, {})))
            if key is None or call.fault:
                return self._run(call, None)
            caller = self._admit_alone(call)
            repetition = idempotency.Repetition(
                self._services.database, caller.user_id, key, self.id, *call.identity()
            )
            return repetition.run(lambda: self._run(call, repetition))
        except IntegrityError as error:
            if not self._snapshot:
                raise
            # What the snapshot shows was collected meanwhile: the next one will not show it.
            raise Unavailable from error

    def _run(self, call: Call, repetition: idempotency.Repetition | None) -> Answer:
        with self._connect() as connection:
            caller, membership = self._admit(connection, call)
            if call.fault:
                raise call.fault
            injected: dict[str, Any] = {"connection": connection, "caller": caller}
            if self._access.role:
                project, role = membership or self._access.find_project(
                    connection, caller, call.values, lock=self._writing and not self._alone
                )
                self._access.check_role(role)
                injected |= {"project": project, "role_of_caller": role}
                _check_unchanged(call, project)
            if self._alone:
                # Nothing stays locked while bytes move; the handler begins its own transaction.
                connection.rollback()
            answer = self._responses.write(self._handler(**self._arguments(call, injected)))
            if repetition:
                repetition.keep(connection, answer)
            if self._writing or repetition:
                connection.commit()
            return _unless_known(call, answer)

    def _connect(self) -> AbstractContextManager[Connection]:
        database = self._services.database
        if self._at_once:
            return database.at_hand()
        return database.connect(writing=self._writing, snapshot=self._snapshot)

    def _admit_alone(self, call: Call) -> Caller:
        with self._services.database.transaction(writing=False) as connection:
            return self._admit(connection, call)[0]

    def _admit(self, connection: Connection, call: Call) -> tuple[Caller, Membership | None]:
        # A project that will change is found, and locked, by a statement of its own.
        project_id = None if self._writing else call.values.get("project_id")
        caller, membership = authenticate(connection, call.scope, project_id)
        if self._services.rate_limit and "projects_api.caller" not in call.scope:
            self._services.rate_limit.check(caller.key_id)
        call.scope["projects_api.caller"] = caller.user_id
        self._access.check_scope(caller)
        return caller, membership

    def _arguments(self, call: Call, injected: dict[str, Any]) -> dict[str, Any]:
        offered = {
            "artifacts": self._services.artifacts,
            "database": self._services.database,
            "predictions": self._services.predictions,
            "readiness": self._services.readiness,
            **injected,
            **call.values,
        }
        return {name: offered[name] for name in self._taken if name in offered}


def _check_unchanged(call: Call, project: dict[str, Any]) -> None:
    condition = call.headers.get("if-match")
    if condition is not None and not matches(condition, entity_tag(project), weak=False):
        raise PreconditionFailed


def _unless_known(call: Call, answer: Answer) -> Answer:
    condition = call.headers.get("if-none-match")
    if condition is not None and matches(condition, answer.headers["etag"], weak=True):
        return Answer(304, {"etag": answer.headers["etag"]})
    return answer


class EnforcementAPI(RoutedAPI[EnforcedOperation]):
    """The operations of the contract, by id."""

    def __init__(
        self,
        specification: Specification,
        *,
        services: Services,
        **options: Any,
    ) -> None:
        super().__init__(specification, **options)
        self.services = services
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> EnforcedOperation:
        """Compile an operation."""
        return EnforcedOperation(self.specification, operation, self.services)


class EnforcementMiddleware(RoutedMiddleware[EnforcementAPI]):
    """Connexion's place for what happens to a routed request."""

    api_cls = EnforcementAPI
