"""A process that dies by SIGKILL in the midst of keeping or of collecting a file.

Run as a program with a moment, a project's id and a file; its settings come from the environment.
"""

import os
import signal
import sys
from pathlib import Path

from projects_api.app.services import Services
from projects_api.files.content import describe
from projects_api.models import dataset
from projects_api.settings import Settings


def keep(services: Services, project_id: str, file: Path, moment: str = "") -> str:
    """Keep a file as an upload does, or die at a moment of it; return the data set's id."""
    content = describe(file)
    with services.database.connect(writing=True) as connection:
        with services.artifacts.keep(connection, {file: content}):
            die_if(moment == "before the rows")
            made = dataset.create(
                connection,
                project_id,
                name=file.name,
                description="",
                sha256=content.sha256,
                media_type="text/csv",
                format="csv",
                rows=1,
                columns=2,
                dialect={},
                reading={},
                quality={"overall_score": 100.0, "issues": []},
            )
        die_if(moment == "before the commit")
        connection.commit()
    return made["id"]


def die_if(the_moment_has_come: bool) -> None:
    if the_moment_has_come:
        os.kill(os.getpid(), signal.SIGKILL)


def main(moment: str, project_id: str, file: Path) -> None:
    services = Services.from_settings(Settings())
    store = services.artifacts.store
    if moment == "before the bytes":
        store.put = lambda *_: die_if(True)
    dataset_id = keep(services, project_id, file, moment)
    with services.database.transaction() as connection:
        dataset.remove(connection, project_id, dataset_id)
    die_if(moment == "before the collection")
    delete = store.delete
    if moment == "before the removal":
        store.delete = lambda _sha256: die_if(True)
    else:
        store.delete = lambda sha256: (delete(sha256), die_if(True))
    services.artifacts.collect()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
