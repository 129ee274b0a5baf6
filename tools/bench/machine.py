"""On what something was measured."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("connexion", "fastapi", "sqlmodel", "litestar", "starlette", "uvicorn", "psycopg")


def describe_machine() -> dict[str, str]:
    """Name the day, the processor, the system and the versions that matter."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
