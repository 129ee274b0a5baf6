"""Reports: what is known about something, rendered as documents for people."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from projects_api.engines.monitoring import drift
from projects_api.files.content import describe
from projects_api.jobs import report_facts
from projects_api.jobs.running_job import JobFailed, RunningJob
from projects_api.models import report
from projects_api.rendering import render
from projects_api.storage.profiles import VersionNotFound, profile_of
from projects_api.tables import NotATable

SLOW_IMPORTS = ("projects_api.rendering.html", "projects_api.rendering.pdf")
GONE = "What the report is about was deleted before it was rendered."
NO_RENDERER = (
    "This server cannot render reports: the extra `ml` of projects-api is not installed. Tell its "
    "operator."
)
MAX_LOOKS = 5
"""The data sets of a project whose tables are looked at for a picture."""
MAX_SPREADS = 4
"""The inputs of a deployment that moved most, whose distributions are shown."""
_GAPS = {"missing_values", "empty_column"}


def run(job: RunningJob) -> None:
    """Render the report that the job is about, and keep its documents."""
    assert job.project_id is not None
    job.report(0, stage="gathering facts")
    with job.database.connect(writing=False, snapshot=True) as connection:
        facts = report_facts.gather(connection, job.entity_id)
    if facts is None:
        raise JobFailed(GONE)
    _look_at_tables(job, facts)
    if facts["kind"] == "deployment":
        facts["drift"] = _measure_drift(facts)
    job.report(20, stage="rendering")
    try:
        rendered = render(facts, job.folder)
    except ModuleNotFoundError as missing:
        raise JobFailed(NO_RENDERER) from missing
    job.report(90, stage="keeping the documents")
    files = {media_type: (path, describe(path)) for media_type, path in rendered.items()}
    with job.finish(dict(files.values())) as connection:
        sha256_of = {media_type: content.sha256 for media_type, (_, content) in files.items()}
        report.put_documents(
            connection, job.project_id, job.entity_id, sha256_of, user_id=job.user_id
        )


def end(connection: Connection, entity_id: str, status: str, message: str | None) -> None:
    """Let the report tell how its job fares."""
    report.set_status(connection, entity_id, status, message)


def _look_at_tables(job: RunningJob, facts: Mapping[str, Any]) -> None:
    """Give data sets the columns that pictures need, where nothing else tells of them.

    A project's worst data sets are looked at, and the one of a training that left no models.
    """
    if "data" not in (facts["sections"] or ["data"]):
        return
    wanted = facts["datasets"]
    if facts["kind"] == "project":
        gappy = [one for one in wanted if _GAPS & {it["kind"] for it in one["quality"]["issues"]}]
        wanted = sorted(gappy, key=lambda one: one["quality"]["overall_score"])[:MAX_LOOKS]
    elif facts["experiments"][0]["reference"]:
        return
    for one in wanted:
        job.report(5, stage=f"reading {one['name']}"[:100])
        try:
            _, profile = profile_of(job.database, job.artifacts, one["dataset_id"], one["version"])
        except NotATable as refused:
            job.log(f"There is no picture of {one['name']}. {refused.reason}")
            continue
        except VersionNotFound:
            job.log(f"There is no picture of {one['name']}, which was deleted.")
            continue
        one["profile"] = profile["columns"]


def _measure_drift(facts: dict[str, Any]) -> dict[str, Any]:
    """Measure as the API does, the inputs that moved most first, with how they are spread."""
    rows, reference = facts.pop("asked"), facts["experiments"][0]["reference"]
    measured = drift.measure(reference, rows)
    measured["features"].sort(key=lambda one: (-(one["psi"] or 0), -(one["ks_statistic"] or 0)))
    moved = [one for one in measured["features"] if one["verdict"] in {"moderate", "drift"}]
    spreads = []
    for one in moved[:MAX_SPREADS]:
        values = [row.get(one["name"]) for row in rows]
        spreads.append({**one, "bins": drift.bins(reference["inputs"][one["name"]], values)})
    thresholds = {"moderate_from": drift.MODERATE_FROM, "drift_above": drift.DRIFT_ABOVE}
    return {**measured, **thresholds, "spreads": spreads}
