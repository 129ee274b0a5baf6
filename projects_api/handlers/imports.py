"""Import: an archive made a project again."""

from sqlalchemy import Connection

from projects_api.access.problems import CompressionRefused, ExportRefused
from projects_api.archive.importing import check_archive
from projects_api.archive.manifest import fault_text
from projects_api.archive.reader import ArchiveRefused, ArchiveTooDense
from projects_api.contract import Upload
from projects_api.handlers.translation import translated
from projects_api.models import job
from projects_api.models.api_key import Caller
from projects_api.models.base import new_id
from projects_api.schemas import ProjectImported
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.quotas import Claim

MAX_SECONDS = 3 * 3600.0
"""How long an import may take."""


def import_project(
    connection: Connection,
    caller: Caller,
    artifacts: Artifacts,
    *,
    file: Upload,
    name: str | None = None,
) -> ProjectImported:
    """Take an archive, and have a job make a project of it."""
    try:
        ratio = artifacts.quotas.import_ratio
        unpacked_bytes = check_archive(file.path, file.max_bytes, ratio)
    except ArchiveTooDense as refused:
        raise CompressionRefused(str(refused)) from refused
    except ArchiveRefused as refused:
        reasons = fault_text(refused.faults)
        raise ExportRefused(f"Send an export as it was downloaded. {reasons}") from refused
    claim = Claim(caller.user_id, coming_bytes=unpacked_bytes)
    with translated(), artifacts.keep(connection, {file.path: file.content}, claim):
        job_id = job.create(
            connection,
            user_id=caller.user_id,
            project_id=None,
            kind="import_project",
            entity_id=new_id(),
            arguments={"name": name, "max_bytes": file.max_bytes},
            max_runtime_seconds=MAX_SECONDS,
            input_sha256=file.content.sha256,
        )
    return {"job_id": job_id}
