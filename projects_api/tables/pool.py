"""The reader processes of this server process."""

from pathlib import Path
from typing import Any

from projects_api.files.spool import StorageFull
from projects_api.processes.pool import ChildDied, ChildFailed, ChildPool, OutOfTime
from projects_api.processes.turns import Turns
from projects_api.tables.facts import NotATable

READER = "projects_api.tables.reader"
TASK_SECONDS = 120.0
KEPT_GROWTH_KIB = 128 * 1024


class TableReaderError(RuntimeError):
    """A reader process could not start, or met a fault that is not the file's."""


class ReaderPool:
    """At most `size` reader processes, shared by the threads of this process."""

    def __init__(self, size: int) -> None:
        self._children = ChildPool(READER, size, kept_growth_kib=KEPT_GROWTH_KIB)
        self.close = self._children.close

    @property
    def turns(self) -> Turns:
        """Who has a process work now, and who waits for one."""
        return self._children.turns

    def perform(self, task: str, paths: dict[str, Path], asker: str = "", **options: object) -> Any:
        """Do a task of `tasks` in a reader process, waiting for one to be free, in turns.

        Raises NotATable when the file is none, takes more than TASK_SECONDS, or ends the reader
        twice; QueueFull where too many wait; StorageFull where the disk has no room for what is
        made meanwhile; TableReaderError for what else is no fault of the file.
        """
        message = {
            "task": task,
            "paths": {name: str(path.resolve()) for name, path in paths.items()},
            "options": options,
        }
        try:
            answer = self._children.ask(message, TASK_SECONDS, asker=asker)
        except OutOfTime as error:
            raise NotATable(
                f"Reading the table takes more than {TASK_SECONDS:g} seconds. Send a smaller "
                "table, or the same one in several files."
            ) from error
        except ChildDied as error:
            raise NotATable(
                "Reading the file ended the process that read it: the file is damaged, or made to "
                "do so. Check that another program can read it, or write it again."
            ) from error
        except ChildFailed as error:
            raise TableReaderError(str(error)) from error
        if "unavailable" in answer:
            raise StorageFull(answer["unavailable"])
        if "refusal" in answer:
            raise NotATable(answer["refusal"])
        return answer["result"]
