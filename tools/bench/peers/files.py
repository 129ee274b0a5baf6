"""What every peer does with files: the server's own functions, so that only the rest differs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from sqlalchemy import Connection

from projects_api.contract import File, Upload
from projects_api.database import Database
from projects_api.files.content import CHUNK_BYTES
from projects_api.files.names import content_disposition
from projects_api.handlers import datasets, export
from projects_api.models import project
from projects_api.models.api_key import Caller
from projects_api.storage.artifacts import Artifacts


@contextmanager
def spooled(artifacts: Artifacts, source: IO[bytes]) -> Iterator[Upload]:
    """Copy what a framework received to where the artifact store takes it from."""
    with artifacts.spool() as spool:
        while chunk := source.read(CHUNK_BYTES):
            spool.write(chunk)
        content = spool.content()
        yield Upload(spool.path, content, content.size)


def keep_upload(
    database: Database,
    artifacts: Artifacts,
    project_id: str,
    user_id: str,
    *,
    name: str,
    source: IO[bytes],
) -> Any:
    """Make a data set of a file that a user uploaded."""
    caller = Caller(user_id, "", frozenset())
    with spooled(artifacts, source) as upload, database.connect(writing=True) as connection:
        answer = datasets.upload_dataset(
            connection,
            caller,
            {"id": project_id},
            artifacts,
            name=name,
            file=upload,
            description="",
        )
        connection.commit()
    return answer


def open_export(database: Database, artifacts: Artifacts, project_id: str, user_id: str) -> File:
    """Begin the archive of a project that the user is a member of."""
    with database.connect(snapshot=True) as connection:
        found = project.find_for_member(connection, project_id, user_id)
        assert found is not None
        file = _begin(connection, found[0], artifacts)
        connection.commit()
    return file


def _begin(connection: Connection, found: dict[str, Any], artifacts: Artifacts) -> File:
    connection.rollback()
    return export.export_project(connection, found, artifacts)


def headers_of(file: File) -> dict[str, str]:
    """Return the headers of a file beside its media type."""
    return {"content-disposition": content_disposition(file.name)}
