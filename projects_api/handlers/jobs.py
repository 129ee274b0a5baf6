"""Jobs: get; for operators also list and cancel everybody's."""

from sqlalchemy import Connection

from projects_api.access.problems import JobEnded, JobNotFound
from projects_api.jobs import outcome
from projects_api.models import job
from projects_api.models.api_key import Caller
from projects_api.schemas import JobEnvelope, JobStatus, ServerJob, ServerJobList


def get_job(connection: Connection, caller: Caller, job_id: str) -> JobEnvelope:
    """Get a job that the caller may see."""
    found = job.find_for_user(connection, job_id, caller.user_id)
    if found is None:
        raise JobNotFound
    return {"job": found}


def list_jobs(
    connection: Connection, *, limit: int, offset: int, status: JobStatus | None = None
) -> ServerJobList:
    """List everybody's jobs, newest first."""
    found, total = job.list_page(connection, status=status, limit=limit, offset=offset)
    items: list[ServerJob] = [
        {"user_id": row.pop("user_id"), "email": row.pop("email"), "job": row} for row in found
    ]
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def cancel_job(connection: Connection, job_id: str) -> JobEnvelope:
    """Cancel anybody's job, unless it has ended."""
    found = job.find(connection, job_id)
    if found is None:
        raise JobNotFound
    if not outcome.cancel(connection, found):
        raise JobEnded
    return {"job": job.find(connection, job_id)}
