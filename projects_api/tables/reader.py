"""The process that reads uploaded tables, so that a hostile file can end only this process."""

import os
import traceback
from pathlib import Path
from typing import Any

import duckdb

from projects_api.files.room import lacks_room
from projects_api.processes.child import Limits, serve
from projects_api.tables import tasks
from projects_api.tables.engine import MEMORY_LIMIT
from projects_api.tables.facts import NotATable

LIMITS = Limits(address_space_bytes=4 * 1024**3, written_file_bytes=4 * 1024**3, idle_seconds=300)
NICENESS = 3
"""Other requests come first: they take a millisecond, and a table seconds. Jobs come last."""


def perform(task: dict[str, Any]) -> dict[str, Any]:
    """Do a task of `tasks` and answer with its result, or with the reason against it."""
    paths = {name: Path(path) for name, path in task["paths"].items()}
    try:
        return {"result": getattr(tasks, task["task"])(**paths, **task["options"])}
    except NotATable as refusal:
        return {"refusal": refusal.reason}
    except duckdb.InternalException:
        # Seen once, of 10,000 columns in a process that had read others: a new one does it.
        return {"exhausted": True, "failure": traceback.format_exc()}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {
            "exhausted": True,
            "refusal": f"Reading the table takes more than {MEMORY_LIMIT} of memory. Write it "
            "with fewer columns, smaller row groups or shorter values, and send it again.",
        }
    except (OSError, duckdb.Error) as error:
        if not lacks_room(error):
            raise
        return {"unavailable": str(error)}


if __name__ == "__main__":
    os.nice(NICENESS)
    serve(perform, LIMITS)
