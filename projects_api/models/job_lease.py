"""What workers do with jobs: take one, keep it, tell of it, end it.

A worker has a job by a lease, which it moves on while it lives. When it dies, the lease runs out,
and any other worker takes the job. Whatever an owner writes about a job names the owner, so that
one whose lease was lost changes nothing.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Function,
    Over,
    Select,
    case,
    false,
    func,
    select,
    update,
)

from projects_api.models.base import now, row_of, rows_of, shared_moment, storable
from projects_api.models.job import jobs
from projects_api.models.job_log import MAX_CHARACTERS, append
from projects_api.models.project import projects

MAX_ATTEMPTS = 3
MAX_STAGE = 255


def has_work(connection: Connection, kinds: Collection[str]) -> bool:
    """Tell, by reading alone, whether a job waits for a worker."""
    return connection.execute(select(_free(connection, kinds, None).exists())).scalar_one()


def claim(
    connection: Connection,
    owner: str,
    *,
    kinds: Collection[str],
    lease_seconds: float,
    job_id: str | None = None,
) -> dict[str, Any] | None:
    """Take a job that waits, or whose worker let its lease run out, or one in particular.

    People take turns: first comes the oldest job of whoever had none begun for longest.

    `owner` is new for each claim, so that a former owner can never be taken for the present one.
    """
    free = _free(connection, kinds, job_id)
    others = jobs.alias()
    turn = select(func.max(others.c.started_at)).where(others.c.user_id == jobs.c.user_id)
    order = (turn.scalar_subquery().asc().nulls_first(), jobs.c.created_at, jobs.c.id)
    oldest = free.order_by(*order).limit(1)
    statement = (
        update(jobs)
        .where(jobs.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
        .values(
            status="running",
            owner=owner,
            lease_expires_at=shared_moment(connection, lease_seconds),
            attempts=jobs.c.attempts + 1,
            progress=0.0,
            stage=None,
            seconds_left=None,
            results=0,
            started_at=now(),
        )
        .returning(*jobs.c)
    )
    return row_of(connection.execute(statement))


def list_waiting(
    connection: Connection, kinds: Collection[str], limit: int
) -> list[dict[str, Any]]:
    """List jobs that are free to be taken, in the order in which `claim` would take them.

    Beside their ids stand the memory that they may hold, and whether they want a graphics
    processor.
    """
    others = jobs.alias()
    turn = select(func.max(others.c.started_at)).where(others.c.user_id == jobs.c.user_id)

    def by_person(value: Function[Any]) -> Over[Any]:
        return value.over(partition_by=jobs.c.user_id, order_by=(jobs.c.created_at, jobs.c.id))

    found = (
        select(
            jobs.c.id,
            jobs.c.max_memory_bytes,
            func.coalesce(jobs.c.arguments["use_gpu"].as_boolean(), false()).label("use_gpu"),
            by_person(func.row_number()).label("round"),
            turn.scalar_subquery().label("turn"),
            by_person(func.first_value(jobs.c.created_at)).label("first"),
            by_person(func.first_value(jobs.c.id)).label("first_id"),
        )
        .where(jobs.c.id.in_(_free(connection, kinds, None)))
        .subquery()
        .c
    )
    order = (found.round, found.turn.asc().nulls_first(), found.first, found.first_id)
    statement = (
        select(found.id, found.max_memory_bytes, found.use_gpu).order_by(*order).limit(limit)
    )
    return rows_of(connection.execute(statement))


def list_lost(
    connection: Connection, kinds: Collection[str], spared: Collection[str], limit: int
) -> list[str]:
    """List jobs whose workers let their leases run out, the oldest first, but for some."""
    lost = (jobs.c.status == "running") & (jobs.c.lease_expires_at < shared_moment(connection))
    statement = select(jobs.c.id).where(lost, jobs.c.kind.in_(kinds), jobs.c.id.not_in(spared))
    order = (jobs.c.created_at, jobs.c.id)
    return list(connection.execute(statement.order_by(*order).limit(limit)).scalars())


class Standing(StrEnum):
    """How far a job is: `ENDED` was so lately, `OVER` before; `SILENT` has a lease that is over."""

    WAITS = "waits"
    WORKS = "works"
    SILENT = "silent"
    ENDED = "ended"
    OVER = "over"


def find_standing(
    connection: Connection, job_ids: Collection[str], grace_seconds: float
) -> dict[str, Standing]:
    """Tell how far jobs are, of those that are there; what was so lately is not yet otherwise."""
    before = shared_moment(connection, -grace_seconds)
    standing = case(
        (jobs.c.status == "queued", Standing.WAITS.value),
        ((jobs.c.status == "running") & (jobs.c.lease_expires_at > before), Standing.WORKS.value),
        (jobs.c.status == "running", Standing.SILENT.value),
        (jobs.c.finished_at > before, Standing.ENDED.value),
        else_=Standing.OVER.value,
    )
    rows = connection.execute(select(jobs.c.id, standing).where(jobs.c.id.in_(job_ids)))
    return {job_id: Standing(found) for job_id, found in rows}


def extend(connection: Connection, job_id: str, owner: str, lease_seconds: float) -> bool:
    """Move the end of a lease on; tell whether the job is still this owner's."""
    return _change(
        connection, job_id, owner, lease_expires_at=shared_moment(connection, lease_seconds)
    )


def is_cancelled(connection: Connection, job_id: str, owner: str) -> bool | None:
    """Return whether a job is to be cancelled; `None` where it is not this owner's any longer."""
    statement = select(jobs.c.cancel_requested).where(_owned(job_id, owner))
    wanted: bool | None = connection.scalar(statement)
    return wanted


def is_to_stop(connection: Connection, job_id: str, owner: str) -> bool:
    """Return whether a job is to end early with the results that it has."""
    return bool(connection.scalar(select(jobs.c.stop_requested).where(_owned(job_id, owner))))


def find_status(connection: Connection, job_id: str) -> str | None:
    """Find what a job is now; `None` where it was removed."""
    found: str | None = connection.scalar(select(jobs.c.status).where(jobs.c.id == job_id))
    return found


def hold_project(connection: Connection, project_id: str | None) -> bool:
    """Keep a project from being removed until the transaction ends; tell whether it is there.

    Requests lock a project before what belongs to it. Who writes to a job's project does the same,
    or the two could wait for each other.
    """
    if project_id is None:
        return True
    statement = select(projects.c.id).where(projects.c.id == project_id)
    return connection.scalar(statement.with_for_update(read=True, key_share=True)) is not None


def confirm(connection: Connection, job_id: str, owner: str) -> bool:
    """Return whether an owner still has a job that nobody cancelled, until the transaction ends."""
    statement = select(jobs.c.id).where(_owned(job_id, owner), ~jobs.c.cancel_requested)
    return connection.scalar(statement.with_for_update(key_share=True)) is not None


def record_progress(
    connection: Connection,
    job_id: str,
    owner: str,
    *,
    progress: float,
    stage: str | None,
    seconds_left: float | None,
    messages: Sequence[str],
    results: int = 0,
) -> bool:
    """Write down how far a job is, and lines for its log; tell whether it is still the owner's.

    `results` are those that it could end with now.
    """
    changed = _change(
        connection,
        job_id,
        owner,
        progress=min(max(progress, 0.0), 100.0),
        stage=None if stage is None else storable(stage, MAX_STAGE),
        seconds_left=seconds_left,
        results=results,
    )
    if changed:
        append(connection, job_id, [storable(one, MAX_CHARACTERS) for one in messages])
    return changed


def finish(
    connection: Connection, job_id: str, owner: str, status: str, message: str | None = None
) -> bool:
    """End a job; tell whether it was this owner's to end. Its row keeps who that was."""
    done = {"progress": 100.0} if status == "succeeded" else {}
    return _change(
        connection,
        job_id,
        owner,
        status=status,
        message=None if message is None else storable(message, MAX_CHARACTERS),
        attempts=case((jobs.c.attempts > MAX_ATTEMPTS, MAX_ATTEMPTS), else_=jobs.c.attempts),
        lease_expires_at=None,
        input_sha256=None,
        seconds_left=None,
        finished_at=now(),
        **done,
    )


def give_back(connection: Connection, job_id: str, owner: str) -> bool:
    """Queue a job again as if it had not been taken; tell whether it was this owner's to give."""
    return _change(
        connection,
        job_id,
        owner,
        status="queued",
        owner=None,
        lease_expires_at=None,
        attempts=jobs.c.attempts - 1,
        started_at=None,
    )


def postpone(connection: Connection, job_id: str, owner: str, seconds: float) -> bool:
    """Queue a job again, to be taken in some seconds; tell whether it was this owner's to give.

    The attempt does not count. The moment of the first time is kept.
    """
    given = give_back(connection, job_id, owner)
    if given:
        first = func.coalesce(jobs.c.faulted_since, shared_moment(connection))
        values = {"lease_expires_at": shared_moment(connection, seconds), "faulted_since": first}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
    return given


def was_postponed_before(connection: Connection, job_id: str, seconds: float) -> bool:
    """Return whether a job was first postponed more than some seconds ago."""
    early = jobs.c.faulted_since < shared_moment(connection, -seconds)
    return connection.scalar(select(jobs.c.id).where(jobs.c.id == job_id, early)) is not None


def _free(connection: Connection, kinds: Collection[str], job_id: str | None) -> Select[Any]:
    # A lease of one that is queued is the time that it still waits.
    over = jobs.c.lease_expires_at < shared_moment(connection)
    waits = (jobs.c.status == "queued") & (jobs.c.lease_expires_at.is_(None) | over)
    abandoned = (jobs.c.status == "running") & over
    statement = select(jobs.c.id).where(waits | abandoned, jobs.c.kind.in_(kinds))
    return statement if job_id is None else statement.where(jobs.c.id == job_id)


def _owned(job_id: str, owner: str) -> ColumnElement[bool]:
    return (jobs.c.id == job_id) & (jobs.c.owner == owner) & (jobs.c.status == "running")


def _change(connection: Connection, job_id: str, owner: str, /, **values: Any) -> bool:
    statement = update(jobs).where(_owned(job_id, owner)).values(**values)
    return connection.execute(statement).rowcount == 1
