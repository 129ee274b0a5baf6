"""A process that tries what a model has no need of, and says what came of it."""

import os
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from projects_api.processes.child import Limits, serve_copies


def perform(task: dict[str, Any]) -> dict[str, Any]:
    """Try everything that is there to try; `victim` is a process, `secret` a file."""
    attempts = {
        "reads a file": lambda: Path(task["secret"]).read_text(encoding="utf-8"),
        "lists a folder": lambda: list(Path(task["secret"]).parent.iterdir()),
        "writes beside it": lambda: Path(task["secret"]).with_name("mine").write_text("x"),
        "reads the environment of its parent": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "reads who there is": Path("/etc/passwd").read_bytes,
        "calls a host": lambda: socket.create_connection(("127.0.0.1", task["port"]), 1),
        "calls by datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "calls by a path": lambda: socket.socket(socket.AF_UNIX),
        "runs a program": lambda: subprocess.run(["/bin/true"], check=True),
        "ends a process": lambda: os.kill(task["victim"], 9),
        "changes a mode": lambda: Path(task["secret"]).chmod(0o777),
        "reads what it was given": lambda: Path(task["path"]).read_text(encoding="utf-8"),
        "writes a scratch file": lambda: Path(tempfile.gettempdir(), "scratch").write_text("x"),
    }
    return {"outcomes": {name: _outcome(attempt) for name, attempt in attempts.items()}}


def _outcome(attempt) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"


if __name__ == "__main__":
    serve_copies(lambda: perform, Limits(2 * 1024**3, 1024**2, 60))
