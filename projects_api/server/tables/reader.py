"""The process that reads uploaded tables, so that a hostile file can end only this process.

It answers each JSON line on standard input with one on standard output. Its limits are the
kernel's, so that they hold inside DuckDB too: address space, size of a written file, and an alarm
that ends the process when a task takes too long. It ends when its parent does, and when it had
nothing to do for some minutes.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TextIO

import duckdb

from projects_api.server.tables import tasks
from projects_api.server.tables.engine import MEMORY_LIMIT
from projects_api.server.tables.facts import NotATable

ADDRESS_SPACE_BYTES = 4 * 1024**3
WRITTEN_FILE_BYTES = 4 * 1024**3
IDLE_SECONDS = 300


def main() -> None:
    """Serve tasks until the parent is gone or nothing was asked for some minutes."""
    _limit_resources()
    # Linux lets a process begin with the peak of the one that started it.
    first_peak = _peak_kib()
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tasks: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_receive, args=(tasks,), daemon=True).start()
    _send(answers, {"ready": True})
    while True:
        try:
            task = tasks.get(timeout=IDLE_SECONDS)
        except Empty:
            os._exit(0)
        signal.setitimer(signal.ITIMER_REAL, task.pop("seconds"))
        answer = _perform(task)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answer["grown_kib"] = _peak_kib() - first_peak
        _send(answers, answer)


def _limit_resources() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_FILE_BYTES, WRITTEN_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _receive(tasks: SimpleQueue[dict[str, Any]]) -> None:
    """Take tasks while the parent lives; its death closes the pipe and ends a running task."""
    for line in sys.stdin:
        tasks.put(json.loads(line))
    os._exit(0)


def _perform(task: dict[str, Any]) -> dict[str, Any]:
    paths = {name: Path(path) for name, path in task["paths"].items()}
    perform = getattr(tasks, task["task"])
    try:
        return {"result": perform(**paths, **task["options"])}
    except NotATable as refusal:
        return {"refusal": refusal.reason}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {
            "refusal": f"Reading the table takes more than {MEMORY_LIMIT} of memory. Write it "
            "with fewer columns, smaller row groups or shorter values, and send it again."
        }
    except Exception:  # noqa: BLE001 - the parent raises it, and this process goes on
        return {"failure": traceback.format_exc()}


def _send(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
