"""A process whose disk confirms nothing: it tries to commit a row and to keep a file, and tells.

Run as a program with a database's URL and a folder for files. The kernel refuses it every call
that waits until bytes are on the disk, as a disk does that fails.
"""

import asyncio
import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import seccompy
from seccompy import Action, Filter
from sqlalchemy import text

from projects_api.database import Database
from projects_api.database.group_commit import GroupCommit
from projects_api.files.content import describe
from projects_api.storage.store import ArtifactStore


def refuse_to_flush() -> None:
    refusing = Filter(default=Action.ALLOW)
    for call in ("fsync", "fdatasync"):
        refusing.errno(call, errno.EIO)
    refusing.load()


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test judges it
        return type(error).__name__
    return "done"


def insert_within(group: GroupCommit) -> None:
    with group.part() as connection:
        connection.execute(text("INSERT INTO kept VALUES (2)"))


def main(url: str, folder: Path) -> None:
    database, store = Database(url), ArtifactStore(str(folder / "store"))
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE kept (number INTEGER)"))
    file = folder / "file"
    file.write_bytes(b"a content")
    content = describe(file)

    def commit() -> None:
        with database.transaction() as connection:
            connection.execute(text("INSERT INTO kept VALUES (1)"))

    group = GroupCommit(database)

    def commit_together() -> None:
        asyncio.run(group.run(insert_within, group))

    if not seccompy.supported():
        print(json.dumps(None))  # noqa: T201
        return
    refuse_to_flush()
    outcomes = {"commit": outcome(commit), "put": outcome(lambda: store.put(content, file))}
    outcomes["group commit"] = outcome(commit_together)
    group.close()
    outcomes["contained"] = str(store.contains(content.sha256))
    print(json.dumps(outcomes))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
