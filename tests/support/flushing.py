"""What a program finds whose disk confirms nothing, for the tests of what must be durable."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE
from tests.support.work import ROOT


def outcomes_on_deaf_disk(folder: Path) -> dict[str, str]:
    """Tell what became of a commit and of a file on a disk that confirms nothing."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.support.deaf_disk"]
    done = subprocess.run(
        [*command, f"sqlite:///{folder / 'deaf.db'}", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=2 * PATIENCE,
        check=True,
    )
    if (outcomes := json.loads(done.stdout)) is None:
        pytest.skip("this kernel filters no calls")
    return outcomes
