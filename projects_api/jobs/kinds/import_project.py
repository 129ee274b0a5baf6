"""The job that makes a project from an export."""

from sqlalchemy import Connection

from projects_api.archive.importing import Unpacked, insert_unpacked, read_tables, unpack
from projects_api.archive.manifest import fault_text
from projects_api.archive.reader import ArchiveRefused
from projects_api.jobs.running_job import JobFailed, RunningJob
from projects_api.models import audit, job_log
from projects_api.models import job as jobs
from projects_api.models.base import now


def run(job: RunningJob) -> None:
    """Look at every file of the archive, then make the project, at once and as a whole."""
    try:
        unpacked = _unpacked(job)
    except ArchiveRefused as refused:
        raise JobFailed(fault_text(refused.faults)) from refused
    job.report(90, stage="Storing the files")
    with job.finish(unpacked.contents) as connection:
        others = insert_unpacked(
            connection,
            unpacked,
            project_id=job.entity_id,
            owner_id=job.user_id,
            name=job.arguments["name"],
            with_members=False,
        )
        jobs.attach(connection, job.id, job.entity_id)
        audit.add(connection, _entry(job))
        job_log.append(
            connection,
            job.id,
            [f"{email} was a member, and is none here. Invite them anew." for email in others],
        )


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    """Do unknown: there is no project before all of it is there."""


def _entry(job: RunningJob) -> audit.Entry:
    """Tell in the new project's audit log where it came from: the request knew of no project."""
    unknown = dict.fromkeys(("key_id", "request_id", "client"))
    return {
        **unknown,
        "created_at": now(),
        "user_id": job.user_id,
        "project_id": job.entity_id,
        "resource_id": job.id,
        "operation": "import_project",
        "status": 201,
        "request_count": 1,
    }


def _unpacked(job: RunningJob) -> Unpacked:
    assert job.input_sha256 is not None
    archive, folder = job.folder / "archive.zip", job.folder / "files"
    folder.mkdir()
    job.report(0, stage="Fetching the archive")
    job.artifacts.fetch(job.input_sha256, archive)
    unpacked = unpack(
        archive,
        folder,
        job.arguments["max_bytes"],
        lambda percent: job.report(5 + 0.45 * percent, stage="Checking the files"),
        max_ratio=job.artifacts.quotas.import_ratio,
    )
    archive.unlink()
    read_tables(
        unpacked, lambda percent: job.report(50 + 0.4 * percent, stage="Reading the tables")
    )
    return unpacked
