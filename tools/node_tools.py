"""The contract's tools that come from npm, installed on first use at the pinned versions."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent / "node"
ROOT = FOLDER.parents[1]

_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


def reason_to_skip() -> str:
    """Say why nothing from npm can run here; empty where it can."""
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not found: install Node.js 20 or newer" if absent else ""


def install() -> Path:
    """Install the tools if they are not, and give the folder of their commands."""
    installed, wanted = FOLDER / "node_modules/.package-lock.json", FOLDER / "package-lock.json"
    with wanted.open() as lock:
        # Tests run in several processes, and npm removes the folder that it installs into.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True)
            installed.touch()
    return FOLDER / "node_modules/.bin"


def run(
    tool: str, *arguments: str | Path, cwd: Path = ROOT, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, at most `timeout` seconds; its output is text in the result."""
    return subprocess.run(
        [install() / tool, *arguments],
        cwd=cwd,
        env=os.environ | _QUIET,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
