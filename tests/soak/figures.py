"""What a run counts while it goes on; all of it may be told from any thread."""

import statistics
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Figures:
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By action and status; 0 is a connection that broke."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long the answers with a success took, by action."""
    repeats: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    """The faults in their order, and the seconds after each until the server was ready."""
    held_back: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, action: str, status: int, seconds: float = 0.0) -> None:
        with self._lock:
            self.answers[action, status] += 1
            if 200 <= status < 300:
                self.seconds[action].append(seconds)

    def repeat(self, why: str) -> None:
        with self._lock:
            self.repeats[why] += 1

    def hold_back(self) -> None:
        with self._lock:
            self.held_back += 1

    def fail(self, text: str) -> None:
        with self._lock:
            self.wrong.append(text)

    def table(self) -> list[str]:
        lines = [f"{'action':22}{'done':>8}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}"]
        for action in sorted(self.seconds):
            took = sorted(self.seconds[action])
            middle, late = statistics.median(took), took[int(len(took) * 0.99)]
            parts = "".join(f"{1000 * one:>9.0f}" for one in (middle, late, took[-1]))
            lines.append(f"{action:22}{len(took):>8}{parts}")
        statuses = Counter[int]()
        for (_action, status), count in self.answers.items():
            statuses[status] += count
        told = ", ".join(f"{one or 'broken'}: {statuses[one]}" for one in sorted(statuses))
        why = ", ".join(f"{one}: {self.repeats[one]}" for one in sorted(self.repeats))
        lines += [f"answers by status: {told}", f"repeats by reason: {why or 'none'}"]
        lines.append(f"POSTs that waited for a key until the end: {self.held_back}")
        return lines + [f"ready {took:5.1f} s after: {name}" for name, took in self.recoveries]
