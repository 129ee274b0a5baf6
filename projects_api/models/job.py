"""Jobs: long work, taken by worker processes on any machine and kept until its project goes."""

from collections.abc import Collection
from typing import Any, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Float,
    Index,
    Text,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import (
    Identifier,
    Timestamp,
    new_id,
    now,
    one_of,
    page_of,
    row_of,
    rows_of,
    table_of,
)
from projects_api.models.member import members
from projects_api.models.user import users

STATUSES = get_args(schemas.JobStatus)
MAX_WAITING = 100
"""Jobs of one person that wait at the same time."""
OPEN = ("queued", "running")
FINAL = tuple(status for status in STATUSES if status not in OPEN)
CANCELLED = "The job was cancelled."


class Job(SQLModel, table=True):
    """A piece of work; `kind` names the module that does it, `entity_id` what it is about.

    `user_id` is who asked for it; `project_id` is null while a project is still to be made.
    `input_sha256` is a stored content that the job needs until it ends, such as an archive.
    `owner` is the worker that has it until `lease_expires_at`, which the worker moves on while it
    lives, or who ended it, until a server that watches Ray has counted that; one that was put back
    for a passing fault waits until then, and `faulted_since` is when it was put back first.
    `progress` is in percent, times are in seconds, memory is in bytes; where a job has no limit of
    its own, it has its worker's. `results` is how many there would be if the job were stopped now,
    which is what `stop_requested` asks for.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("status", STATUSES),
        Index(None, "status", "created_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, sa_type=Identifier)
    project_id: str | None = Field(
        default=None, foreign_key="projects.id", ondelete="CASCADE", index=True, sa_type=Identifier
    )
    kind: str = Field(max_length=32)
    entity_id: str = Field(index=True, sa_type=Identifier)
    arguments: dict[str, Any] = Field(sa_type=JSON)
    input_sha256: str | None = Field(
        default=None, foreign_key="blobs.sha256", index=True, max_length=64
    )
    status: str = Field(max_length=16)
    progress: float = Field(sa_type=Float)
    stage: str | None = Field(default=None, max_length=255)
    seconds_left: float | None = Field(default=None, sa_type=Float)
    message: str | None = Field(default=None, sa_type=Text)
    attempts: int = Field(sa_type=BigInteger)
    max_runtime_seconds: float = Field(sa_type=Float)
    max_memory_bytes: int | None = Field(default=None, sa_type=BigInteger)
    cancel_requested: bool = Field(sa_type=Boolean)
    stop_requested: bool = Field(
        default=False, sa_type=Boolean, sa_column_kwargs={"server_default": false()}
    )
    results: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    owner: str | None = Field(default=None, sa_type=Identifier)
    lease_expires_at: str | None = Field(default=None, sa_type=Timestamp)
    faulted_since: str | None = Field(default=None, sa_type=Timestamp)
    created_at: str = Field(sa_type=Timestamp)
    started_at: str | None = Field(default=None, sa_type=Timestamp)
    finished_at: str | None = Field(default=None, sa_type=Timestamp)


jobs = table_of(Job)

PUBLIC = (
    jobs.c.id,
    jobs.c.kind,
    jobs.c.status,
    jobs.c.progress,
    jobs.c.stage,
    jobs.c.seconds_left,
    jobs.c.message,
    jobs.c.project_id,
    jobs.c.entity_id,
    jobs.c.attempts,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
)


class TooManyWaiting(Exception):
    """A person has as many jobs waiting as may wait."""


def create(
    connection: Connection,
    *,
    user_id: str,
    project_id: str | None,
    kind: str,
    entity_id: str,
    arguments: dict[str, Any],
    max_runtime_seconds: float,
    max_memory_bytes: int | None = None,
    input_sha256: str | None = None,
) -> str:
    """Queue a job; return its id. A worker starts it once this transaction is committed.

    Raises TooManyWaiting.
    """
    waiting = select(func.count()).where(jobs.c.user_id == user_id, jobs.c.status == "queued")
    if connection.execute(waiting).scalar_one() >= MAX_WAITING:
        raise TooManyWaiting
    job_id = new_id()
    connection.execute(
        insert(jobs).values(
            id=job_id,
            user_id=user_id,
            project_id=project_id,
            kind=kind,
            entity_id=entity_id,
            arguments=arguments,
            input_sha256=input_sha256,
            status="queued",
            progress=0.0,
            attempts=0,
            max_runtime_seconds=max_runtime_seconds,
            max_memory_bytes=max_memory_bytes,
            cancel_requested=False,
            stop_requested=False,
            results=0,
            created_at=now(),
        )
    )
    return job_id


def find_for_user(connection: Connection, job_id: str, user_id: str) -> schemas.Job | None:
    """Find a job of a project that a person is a member of, or the person's own without project."""
    mine = exists().where(members.c.project_id == jobs.c.project_id, members.c.user_id == user_id)
    alone = jobs.c.project_id.is_(None) & (jobs.c.user_id == user_id)
    statement = select(*PUBLIC).where(jobs.c.id == job_id, alone | mine)
    return row_of(connection.execute(statement))


def find(connection: Connection, job_id: str) -> Any:
    """Find any job, as those see it who may see all; `None` where there is none."""
    return row_of(connection.execute(select(*PUBLIC).where(jobs.c.id == job_id)))


def list_page(
    connection: Connection, *, status: str | None, limit: int, offset: int
) -> tuple[list[Any], int]:
    """List everybody's jobs with who asked for them, newest first, and tell how many."""
    rows = select(*PUBLIC, jobs.c.user_id, users.c.email).join(users, users.c.id == jobs.c.user_id)
    newest = [jobs.c.id.desc()]
    if status:  # The index that has the status has the moment next.
        rows, newest = rows.where(jobs.c.status == status), [jobs.c.created_at.desc(), *newest]
    return page_of(connection, rows, *newest, limit=limit, offset=offset)


def list_open(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Tell which of some jobs have not ended; those that are gone have."""
    statement = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.status.in_(OPEN))
    return set(connection.execute(statement).scalars())


def count_open(connection: Connection) -> list[dict[str, Any]]:
    """Count the jobs that have not ended, by `kind` and `status`, with the `oldest` of each."""
    facts = (func.count().label("count"), func.min(jobs.c.created_at).label("oldest"))
    statement = select(jobs.c.kind, jobs.c.status, *facts).where(jobs.c.status.in_(OPEN))
    return rows_of(connection.execute(statement.group_by(jobs.c.kind, jobs.c.status)))


def release_ended(connection: Connection, job_ids: Collection[str]) -> list[dict[str, Any]]:
    """Forget who ended jobs, and tell of those of which nobody forgot it before: each once.

    Of one that was cancelled while it waited, nothing is told: nobody had it.
    """
    statement = (
        update(jobs)
        .where(jobs.c.id.in_(job_ids), jobs.c.status.in_(FINAL), jobs.c.owner.is_not(None))
        .values(owner=None)
        .returning(jobs.c.kind, jobs.c.status, jobs.c.started_at, jobs.c.finished_at)
    )
    return rows_of(connection.execute(statement))


def request_cancel(connection: Connection, job_id: str) -> bool:
    """Cancel a job: at once where it is queued; else its worker ends it. The last word stays.

    Tells whether there was a job that had not ended.
    """
    queued = jobs.c.status == "queued"
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(OPEN))
        .values(
            cancel_requested=True,
            status=case((queued, "cancelled"), else_=jobs.c.status),
            message=case((queued, CANCELLED), else_=jobs.c.message),
            finished_at=case((queued, literal(now(), Timestamp)), else_=None),
            input_sha256=case((queued, None), else_=jobs.c.input_sha256),
        )
    )
    return changed.rowcount == 1


def request_stop(connection: Connection, job_id: str) -> bool:
    """Have a job end early with the results that it has; tell whether it runs and has any."""
    has_some = (jobs.c.status == "running") & (jobs.c.results > 0)
    statement = update(jobs).where(jobs.c.id == job_id, has_some).values(stop_requested=True)
    return connection.execute(statement).rowcount == 1


def attach(connection: Connection, job_id: str, project_id: str) -> None:
    """Say which project a job made, so that its members see the job."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(project_id=project_id))


def remove_old(connection: Connection, before: str, *, most: int) -> int:
    """Forget jobs with their logs that ended and were queued before a moment; return how many."""
    removed = 0
    for status in FINAL:
        here = (jobs.c.status == status) & (jobs.c.created_at < before)
        oldest = select(jobs.c.id).where(here).order_by(jobs.c.created_at).limit(most - removed)
        removed += connection.execute(delete(jobs).where(jobs.c.id.in_(oldest))).rowcount
    return removed


def hand_over(connection: Connection, user_id: str) -> None:
    """Give a person's jobs to another owner of the project that each is of."""
    another = (
        select(members.c.user_id)
        .where(
            members.c.project_id == jobs.c.project_id,
            members.c.role == "owner",
            members.c.user_id != user_id,
        )
        .order_by(members.c.user_id)
        .limit(1)
        .scalar_subquery()
    )
    theirs = (jobs.c.user_id == user_id) & jobs.c.project_id.is_not(None)
    connection.execute(update(jobs).where(theirs).values(user_id=another))
