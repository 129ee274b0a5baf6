"""The rules of this API: who may do what, in which transaction, and what repeats are answered."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from projects_api.access.access import NOT_FOUND, RESOURCES, Access
from projects_api.access.audit import CALLER, CHANGE, KEY, PROJECT, entry_of
from projects_api.access.authentication import authenticate
from projects_api.access.idempotency import HEADER, Claims, IdempotentRequest
from projects_api.access.key_uses import KeyUses
from projects_api.access.modes import Mode
from projects_api.access.places import NoPlace, Places
from projects_api.access.problems import (
    ContentLost,
    DiskFull,
    NotForServiceAccounts,
    OwnerDeactivated,
    PreconditionFailed,
    TeamFull,
    TooManyJobs,
    TooManyKeys,
    TooManyProjectTeams,
    TooManyServiceAccounts,
    TooManyTeamProjects,
    TooManyTeams,
    Unavailable,
)
from projects_api.access.rate_limit import RateLimit
from projects_api.access.tokens import Tokens
from projects_api.access.waiting import WAIT, Waiters
from projects_api.contract import Answer, Call, NotFound, Operation, Problem, Unit
from projects_api.contract.conditional import (
    IF_MATCH,
    check_absent,
    entity_tag,
    matches,
    weakened,
)
from projects_api.contract.problems import Unauthenticated
from projects_api.database import Database, names_what_is_gone
from projects_api.database.group_commit import GroupCommit
from projects_api.files.spool import Spool
from projects_api.models import api_key, audit, user
from projects_api.models.accounts import leaving, service_account
from projects_api.models.admission import Membership
from projects_api.models.api_key import Caller
from projects_api.models.job import TooManyWaiting
from projects_api.models.teams import project_team, team
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.faults import FULL, LOST, PASSING
from projects_api.storage.readiness import SharedAnswer
from projects_api.threads import Threads

PLACE = "projects_api.place"
"""The place in a request's scope that says that it has a place in `Places`."""
NOWHERE = "No operation has this path. /openapi.json lists those that exist."

INJECTED = frozenset({"connection", "caller", "project", "role_of_caller"}) | {
    resource.name for resource in RESOURCES.values()
}
"""What handlers may take, beside the means that the application offers."""
Result = TypeVar("Result")
MakeAnswer = Callable[[Mapping[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Means:
    """What requests are done with; `offered` is what handlers may take of it, by name."""

    database: Database
    claims: Claims
    artifacts: Artifacts
    rate_limit: RateLimit | None
    threads: Threads
    places: Places
    group_commit: GroupCommit
    shared: SharedAnswer
    waiters: Waiters
    key_uses: KeyUses
    tokens: Tokens | None
    offered: Mapping[str, Any]


class ProjectsRules:
    """Scopes, roles, projects, transactions, entity tags and safe repetition."""

    name = "projects-api"
    problems: Mapping[type[Exception], type[Problem]] = {
        **dict.fromkeys(LOST, ContentLost),
        **dict.fromkeys(FULL, DiskFull),
        **dict.fromkeys(PASSING, Unavailable),
        TooManyWaiting: TooManyJobs,
        api_key.TooManyKeys: TooManyKeys,
        api_key.NotForServiceAccounts: NotForServiceAccounts,
        leaving.HeirRefused: Unauthenticated,
        service_account.OwnerInactive: Unauthenticated,
        user.OwnerDeactivated: OwnerDeactivated,
        service_account.TooManyServiceAccounts: TooManyServiceAccounts,
        team.TooManyTeams: TooManyTeams,
        team.TeamFull: TeamFull,
        project_team.TooManyOfProject: TooManyProjectTeams,
        project_team.TooManyOfTeam: TooManyTeamProjects,
    }

    def __init__(self, means: Means, file_limits: Mapping[str, int]) -> None:
        self._means = means
        self.file_limits = file_limits
        self.injected = INJECTED | means.offered.keys()

    def compile(self, operation: Operation) -> Unit:
        """Make the rules of an operation; raises ValueError where its declarations do not fit."""
        access = Access.from_contract(operation.declared, operation.names, operation.taken)
        if access.role is None and IF_MATCH in operation.headers:
            raise ValueError(f"{operation.id} takes If-Match and names no project")
        if access.scope is None:
            if HEADER in operation.headers:
                raise ValueError(f"{operation.id} takes an Idempotency-Key and nobody's API key")
            return OpenUnit(operation, self._means)
        return KeyedUnit(operation, access, access.scope, self._means)

    def not_found(self, parameter: str | None) -> Problem:
        """Make the problem of a path parameter that names nothing, or of a path that is none."""
        return NOT_FOUND[parameter]() if parameter else NotFound(NOWHERE)

    def spool(self, max_bytes: int) -> AbstractContextManager[Spool]:
        """Make a place for an uploaded file, where the store can take it over."""
        return self._means.artifacts.spool(max_bytes)


class OpenUnit:
    """An operation that needs no key, and gets neither caller nor transaction."""

    used_up: frozenset[str] = frozenset()

    def __init__(self, operation: Operation, means: Means) -> None:
        self._id = operation.id
        self._means = means
        self._at_once = operation.taken.isdisjoint(means.offered)

    async def execute(self, call: Call, work: Callable[[Call], Result]) -> Result:
        """Do at once what takes no time; else once for all who ask meanwhile."""
        if self._at_once or call.fault:
            return work(call)  # What one caller did wrong is nobody else's answer.
        return await self._means.shared.get(self._id, partial(work, call))

    def admit(self, call: Call) -> None:
        """Admit everybody."""

    def run(self, call: Call, answer: MakeAnswer) -> Answer:
        """Answer."""
        if call.fault:
            raise call.fault
        return answer(self._means.offered)


class KeyedUnit:
    """An operation for callers with a key."""

    def __init__(self, operation: Operation, access: Access, scope: str, means: Means) -> None:
        self._id = operation.id
        self._access = access
        self._means = means
        self._mode = Mode.of(operation, scope, is_embedded=means.database.is_embedded)
        # Asked of the mode once, and not by every request.
        self._is_quick = self._mode is Mode.QUICK_READ
        self._is_embedded = means.database.is_embedded
        self._shares_commit = self._mode is Mode.WRITE and self._is_embedded
        self._changes = self._mode.changes
        self._is_guarded = IF_MATCH in operation.headers
        self._writes, self._ends_first = self._mode.writes, self._mode.ends_first
        self._takes_long = self._mode.takes_long or "predictions" in operation.taken
        self._waits = WAIT in operation.names
        self.used_up = frozenset(
            filter(None, [access.project_parameter, WAIT if self._waits else None])
        )

    async def execute(self, call: Call, work: Callable[[Call], Result]) -> Result:
        """Do a request's work, again where its answer told of what then ended as was waited for."""
        result = await self._execute(call, work)
        if self._waits and isinstance(result, Answer) and result.unfinished:
            seconds = call.values[WAIT]
            if seconds and await self._means.waiters.wait(call, result.unfinished, seconds):
                return await self._execute(call, work)
        return result

    async def _execute(self, call: Call, work: Callable[[Call], Result]) -> Result:
        """Do quick reads at once, and all else in a thread.

        What takes long gives its thread back where its caller has no place, and waits without one.
        """
        tokens = self._means.tokens
        if tokens and tokens.is_one(call.token) and tokens.known(call.token) is None:
            await self._means.threads.run(tokens.verify, call.token)
        if self._is_quick or (self._is_embedded and work == self.admit):
            return work(call)
        run = self._means.group_commit.run if self._shares_commit else self._means.threads.run
        try:
            return await run(work, call)
        except NoPlace as full:
            async with self._means.places.awaited(full.user_id):
                call.scope[PLACE] = True
                return await run(work, call)

    def admit(self, call: Call) -> str:
        """Find the caller, on the event loop where the database is embedded, else in a thread."""
        if not self._is_embedded:
            return self._find(call).user_id
        with self._means.database.event_loop_connection() as connection:
            return self._admit(connection, call, None)[0].user_id

    def _find(self, call: Call) -> Caller:
        """Find the caller, in a thread."""
        with self._means.database.thread_connection() as connection:
            return self._admit(connection, call, None)[0]

    def run(self, call: Call, answer: MakeAnswer) -> Answer:
        """Answer in one transaction; a request that repeats another one gets that one's answer."""
        key = call.headers.get(HEADER)
        try:
            if key is None or call.fault:
                return self._run(call, answer, None)
            caller = self._find(call)
            request = IdempotentRequest(
                self._means.claims, caller.user_id, key, self._id, *call.identity()
            )
            again = partial(self._run, call, answer, request)
            if not self._shares_commit:
                return request.run(again)
            with self._connect() as connection:
                return request.run_within(connection, again)
        except IntegrityError as error:
            if names_what_is_gone(error):
                self._find(call)  # Who is removed meanwhile is told so.
            elif self._mode is not Mode.DOWNLOAD:
                raise
            # What the request saw went meanwhile: the next one will not see it.
            raise Unavailable from error

    def _run(self, call: Call, answer: MakeAnswer, request: IdempotentRequest | None) -> Answer:
        with self._connect() as connection:
            sought = self._access.role and not call.fault
            project_id = call.values.get("project_id") if sought else None
            caller, membership = self._admit(connection, call, project_id)
            if call.fault:
                raise call.fault
            injected = {**self._means.offered, "connection": connection, "caller": caller}
            if self._access.role:
                injected |= self._project_of(connection, call, caller, membership)
            if self._ends_first:
                connection.rollback()
            with self._place(call, caller):
                made = answer(injected)
            if self._changes:
                location = made.headers.get("location", "")
                audit.add(connection, entry_of(call.scope, made.status, location))
            if request:
                request.keep(connection, made)
            # What `_connect` gives a write is committed at the end of the block.
            if self._mode is not Mode.WRITE and (self._writes or request):
                connection.commit()
            return made

    def _place(self, call: Call, caller: Caller) -> AbstractContextManager[None]:
        if not self._takes_long or PLACE in call.scope:
            return nullcontext()
        return self._means.places.taken(caller.user_id)

    def _connect(self) -> AbstractContextManager[Connection]:
        database = self._means.database
        if self._is_quick:
            return database.event_loop_connection()
        if self._shares_commit:
            return self._means.group_commit.part()
        if self._mode in {Mode.READ, Mode.WRITE}:
            return database.thread_connection(writing=self._writes)
        return database.connect(writing=self._writes, snapshot=self._mode is Mode.DOWNLOAD)

    def _admit(
        self, connection: Connection, call: Call, project_id: str | None
    ) -> tuple[Caller, Membership | None]:
        """Find the caller, and the project of that id, locked where it will change."""
        if self._changes:
            call.scope[CHANGE] = True
        locks = self._mode is Mode.WRITE
        caller, membership = authenticate(
            connection, call.token, project_id, self._means.tokens, lock=locks
        )
        if self._means.rate_limit and CALLER not in call.scope:
            self._means.rate_limit.check(caller.key_id, call.scope)
        self._means.key_uses.note(caller.key_id)
        call.scope[CALLER], call.scope[KEY] = caller.user_id, caller.key_id
        self._access.check_scope(caller)
        return caller, membership

    def _project_of(
        self, connection: Connection, call: Call, caller: Caller, membership: Membership | None
    ) -> dict[str, Any]:
        """Find the project, unless it came with the caller, and more; check role and entity tag."""
        resource: dict[str, Any] = {}
        if membership is None:
            membership, resource = self._access.find_project(
                connection, caller, call.values, lock=self._mode is Mode.WRITE
            )
        project, role = membership
        call.scope[PROJECT] = project["id"]
        self._access.check_role(role)
        if self._is_guarded and call.conditions:
            _check_conditions(call.conditions, entity_tag(project))
        return {"project": project, "role_of_caller": role, **resource}


def _check_conditions(conditions: Mapping[str, str], tag: str) -> None:
    condition = conditions.get(IF_MATCH, "*")
    if not matches(condition, tag, weak=False):
        raise PreconditionFailed(weakened(condition, tag))
    check_absent(conditions, tag)
