"""Jobs: get."""

from sqlalchemy import Connection

from projects_api.access.problems import JobNotFound
from projects_api.models import job
from projects_api.models.api_key import Caller
from projects_api.schemas import JobEnvelope


def get_job(connection: Connection, caller: Caller, job_id: str) -> JobEnvelope:
    """Get a job that the caller may see."""
    found = job.find_for_user(connection, job_id, caller.user_id)
    if found is None:
        raise JobNotFound
    return {"job": found}
