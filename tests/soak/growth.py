"""What processes hold, looked at while they work: nothing may grow once they are warm."""

import statistics
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

from tests.soak.installation import Installation, role_of

MEBIBYTE = 1024 * 1024
EVERY_SECONDS = 2.0
WARM_SECONDS = 300.0
"""Of a life; of a shorter one, its first half."""
LEAST_SECONDS = 90.0
"""A process that lived for less is not judged."""
BOUNDS = {"memory": (1.2, 32 * MEBIBYTE), "threads": (1.0, 4), "files": (1.0, 24)}
"""How many times as much as before, or how much more, may be held; the larger of both counts."""
MEASURED = {"server", "server process", "worker"}
"""Others hold large things by design, such as models: of them threads and files are judged."""


class Sample(NamedTuple):
    seconds: float
    """Since the process began."""
    memory: float
    threads: float
    files: float


@dataclass
class Life:
    role: str
    samples: list[Sample] = field(default_factory=list)


def growth(life: Life) -> list[str]:
    """Compare the first third of what was held when it was warm with the last; name what grew."""
    if not (parts := _parts(life.samples)):
        return []
    found = []
    for name, (times, more) in BOUNDS.items():
        if name == "memory" and life.role not in MEASURED:
            continue
        early, late = (statistics.median(getattr(one, name) for one in part) for part in parts)
        if late > max(early * times, early + more):
            found.append(f"{life.role}: {name} grew from {early:.0f} to {late:.0f}")
    return found


def _parts(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]] | None:
    if not samples or samples[-1].seconds < LEAST_SECONDS:
        return None
    warm = min(WARM_SECONDS, samples[-1].seconds / 2)
    rest = [one for one in samples if one.seconds >= warm]
    third = len(rest) // 3
    return (rest[:third], rest[-third:]) if third else None


class Watch(threading.Thread):
    """Takes samples of every process until it is told to stop."""

    def __init__(self, installation: Installation, over: threading.Event) -> None:
        super().__init__(name="watch", daemon=True)
        self._installation = installation
        self._over = over
        self.lives: dict[tuple[int, float], Life] = {}

    def run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            for command in self._installation.commands():
                for one in command.everyone():
                    with suppress(psutil.Error):
                        self._look(one)

    def _look(self, process: psutil.Process) -> None:
        key = (process.pid, process.create_time())
        life = self.lives.setdefault(key, Life(role_of(process)))
        seconds = psutil.time.time() - process.create_time()
        memory, threads = process.memory_info().rss, process.num_threads()
        life.samples.append(Sample(seconds, memory, threads, process.num_fds()))

    def judge(self) -> list[str]:
        return [fault for life in self.lives.values() for fault in growth(life)]

    def table(self) -> list[str]:
        lines = [f"{'process':22}{'lived s':>9}{'MiB':>12}{'threads':>10}{'files':>10}"]
        for life in self.lives.values():
            if parts := _parts(life.samples):
                values = [f"{life.samples[-1].seconds:>9.0f}"]
                for name, width, unit in (
                    ("memory", 12, MEBIBYTE),
                    ("threads", 10, 1),
                    ("files", 10, 1),
                ):
                    both = (statistics.median(getattr(o, name) for o in p) / unit for p in parts)
                    values.append("-".join(f"{one:.0f}" for one in both).rjust(width))
                lines.append(f"{life.role:22}" + "".join(values))
        return lines
