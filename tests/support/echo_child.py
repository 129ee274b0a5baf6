"""A child process that does what a test tells it."""

import os
import signal
import time
from typing import Any

from projects_api.processes.child import Limits, serve

MIB = 1024**2
held: list[str] = []


def perform(task: dict[str, Any]) -> dict[str, Any]:
    match task["do"]:
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "sleep":
            time.sleep(task.get("for_seconds", 60))
        case "allocate":
            len(b"x" * task["bytes"])
        case "fill":  # until what earlier tasks left is too much
            if len(held) >= task["most"]:
                return {"pid": os.getpid(), "exhausted": True}
            held.append("something")
        case "print":
            print("a library's own words", flush=True)  # noqa: T201
        case "fail":
            raise ValueError("as told")
    return {"pid": os.getpid(), "keeps": task.get("keeps", []), "environment": dict(os.environ)}


if __name__ == "__main__":
    serve(perform, Limits(512 * MIB, MIB, 60))
