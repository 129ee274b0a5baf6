"""Reports that are rendered here and now: for commands, which wait for no worker."""

from pathlib import Path
from typing import Any

from projects_api.models import report, report_facts
from projects_api.rendering import render
from projects_api.server.artifact_store import describe
from projects_api.server.services import Services


def add_report(services: Services, project_id: str, folder: Path, **about: Any) -> str:
    """Keep a report with its documents, and return its id; `about` is what `report.create` takes.

    What the report is about must exist. The folder is for the documents on their way.
    """
    with services.database.transaction() as connection:
        report_id = report.create(connection, project_id, **about)
        facts = report_facts.gather(connection, report_id)
    assert facts is not None
    files = render(facts, folder)
    contents = {path: describe(path) for path in files.values()}
    sha256_of = {media_type: contents[path].sha256 for media_type, path in files.items()}
    with services.database.connect(writing=True) as connection:
        with services.artifacts.keep(connection, contents):
            report.put_documents(connection, project_id, report_id, sha256_of)
        connection.commit()
    return report_id
