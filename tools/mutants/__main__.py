"""`make mutants`: change one thing in a room at a time, and see whether its tests fail.

Each room is changed in a copy of the last commit, with the tests that are meant to notice. Of all
mutants a sample is tried (`SAMPLE=60` of each room, drawn by `SEED=1`). What survives is printed
and written to `build/mutants/`; `tests/survivors.md` says why the last ones did.
"""

import os
import random
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "mutants"
PYTHON = ROOT / ".venv" / "bin" / "python"
WANTED = 0.9
TIMEOUT = 300.0
ROOMS = {
    "contract": (
        "tests/contract_engine tests/handlers/test_projects.py tests/handlers/test_ranges.py "
        "tests/handlers/test_forms.py tests/app/test_start.py"
    ),
    "access": (
        "tests/access tests/handlers/test_members.py tests/handlers/test_keys.py "
        "tests/attacks/test_starving.py tests/handlers/test_roles.py"
    ),
    "tables": "tests/tables tests/handlers/test_datasets.py",
}
"""The tests of a room, those first that notice most."""
UNLIKE = ("BitOr", "BitAnd", "BitXor", "Shift", "Decorator")
"""Operators that are left out: they change hints of types, or what Python itself would miss."""
HEADS = ("def ", "async def ", "@")
"""Lines that are left out: `slots=False`, or `/` for `*`, change nothing that a caller sees."""
LONE_STAR = "*,"
"""What is left out in other lines of a signature: behind it names are said, and `/` allows that."""


def main() -> int:
    """Try the rooms that are named, two at a time; fail where less than nine of ten are noticed."""
    if "--here" in sys.argv:
        return _try_here(sys.argv[-1])
    rooms = sys.argv[1:] or list(ROOMS)
    with ThreadPoolExecutor(2) as pool:
        return max(pool.map(_try, rooms))


def _try(room: str) -> int:
    """Try a room in a process and a copy of its own, whose files it changes."""
    copy = FOLDER / room
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, str(Path(__file__)), "--here", room]
    return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def _try_here(room: str) -> int:
    command = f"{PYTHON} -m pytest -q -x -n0 -m 'not slow' -k 'not postgresql' {ROOMS[room]}"
    unchanged = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=False)
    if unchanged.returncode:
        print(unchanged.stdout[-4000:])
        return 1
    tried = _sample(room)
    survivors = []
    for number, item in enumerate(tried, start=1):
        result = mutate_and_test(item.mutations, command, TIMEOUT)
        if result.test_outcome == TestOutcome.SURVIVED:
            survivors.append(f"{item.mutations[0].definition_name}\n{result.diff}")
            print(f"{room} {number}/{len(tried)} survives: {survivors[-1]}", flush=True)
    (FOLDER / f"{room}.txt").write_text("\n\n".join(survivors))
    noticed = 1 - len(survivors) / len(tried)
    print(f"{room}: of {len(tried)} mutants {noticed:.0%} are noticed", flush=True)
    return int(noticed < WANTED)


def _sample(room: str) -> list[WorkItem]:
    modules = sorted(find_modules([Path("projects_api", room)]))
    with use_db(FOLDER / f"{room}.sqlite", WorkDB.Mode.create) as database:
        init(modules, database, {})
        found = [
            item
            for item in database.work_items
            if not any(name in item.mutations[0].operator_name for name in UNLIKE)
            and not _is_of_signature(item)
        ]
    found.sort(key=lambda item: repr(item.mutations))  # their ids are made anew each time
    size, seed = int(os.environ.get("SAMPLE", "60")), os.environ.get("SEED", "1")
    drawn = random.Random(seed)  # noqa: S311 - a sample, no secret
    return drawn.sample(found, min(size, len(found)))


def _is_of_signature(item: WorkItem) -> bool:
    """Return whether a mutant changes the head of a function, or a lone `*` on a line of it."""
    mutation = item.mutations[0]
    row, column = mutation.start_pos
    line = Path(mutation.module_path).read_text().splitlines()[row - 1]
    return line.strip().startswith(HEADS) or line[column:].startswith(LONE_STAR)


if __name__ == "__main__":
    raise SystemExit(main())
