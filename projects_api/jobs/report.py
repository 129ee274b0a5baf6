"""Reports: what is known about something, rendered as documents for people."""

from sqlalchemy import Connection

from projects_api.models import report, report_facts
from projects_api.rendering import render
from projects_api.server.artifact_store import describe
from projects_api.server.running_job import JobFailed, RunningJob

GONE = "What the report is about was deleted before it was rendered."

NO_RENDERER = (
    "This server cannot render reports: the extra `ml` of projects-api is not installed. Tell its "
    "operator."
)


def run(job: RunningJob) -> None:
    """Render the report that the job is about, and keep its documents."""
    assert job.project_id is not None
    job.report(0, stage="gathering facts")
    with job.database.connect(writing=False, snapshot=True) as connection:
        facts = report_facts.gather(connection, job.entity_id)
    if facts is None:
        raise JobFailed(GONE)
    job.report(20, stage="rendering")
    try:
        rendered = render(facts, job.folder)
    except ModuleNotFoundError as missing:
        raise JobFailed(NO_RENDERER) from missing
    job.report(90, stage="keeping the documents")
    files = {media_type: (path, describe(path)) for media_type, path in rendered.items()}
    with job.finish(dict(files.values())) as connection:
        sha256_of = {media_type: content.sha256 for media_type, (_, content) in files.items()}
        report.put_documents(connection, job.project_id, job.entity_id, sha256_of)


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    """Let the report tell how its job fares."""
    report.set_status(connection, entity_id, status, message)
