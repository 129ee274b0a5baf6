"""What jobs tell while they run, a line a row."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, func, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, now, table_of
from projects_api.models.statements import Listing

MAX_LINES = 10_000
"""A job that tells more is not heard any longer."""
MAX_CHARACTERS = 4_000


class JobLog(SQLModel, table=True):
    """A line of a job's log; `number` counts from 1 within the job."""

    __tablename__ = "job_logs"

    job_id: str = Field(
        primary_key=True, foreign_key="jobs.id", ondelete="CASCADE", sa_type=Identifier
    )
    number: int = Field(primary_key=True, sa_type=BigInteger)
    message: str = Field(sa_type=Text)
    created_at: str = Field(sa_type=Timestamp)


job_logs = table_of(JobLog)

_LISTING = Listing(
    select(job_logs.c.number, job_logs.c.message, job_logs.c.created_at),
    job_logs.c.job_id == bindparam("job_id"),
    job_logs.c.number,
)


def append(connection: Connection, job_id: str, messages: Sequence[str]) -> None:
    """Add lines to a job's log; the caller is the only one who does, and they can be stored."""
    if not messages:
        return
    here = job_logs.c.job_id == job_id
    last = connection.scalar(select(func.max(job_logs.c.number)).where(here)) or 0
    moment = now()
    rows = [
        {"job_id": job_id, "number": number, "message": message, "created_at": moment}
        for number, message in enumerate(messages[: MAX_LINES - last], last + 1)
    ]
    if rows:
        connection.execute(insert(job_logs), rows)


def list_logs(
    connection: Connection, job_id: str | None, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """List the lines of a job's log, the first one first, and tell how many there are in all."""
    return _LISTING.page(connection, job_id=job_id, limit=limit, offset=offset)
