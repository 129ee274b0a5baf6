"""How far long work with files is, told to whoever wants to know."""

from collections.abc import Callable

Report = Callable[[float], None]
"""Takes how far something is, in percent."""
StageReport = Callable[[str, float], None]
"""Takes what is done now, and how far that is, in percent."""


def tell_nobody(_stage: str, _percent: float) -> None:
    """Take a report and do nothing with it."""


class ByteProgress:
    """Bytes of a known sum that are done; reports each whole percent once."""

    def __init__(self, total: int, report: Report) -> None:
        self._total, self._report = total, report
        self._done = self._told = 0

    def add(self, count: int) -> None:
        """Count more bytes as done."""
        self._done += count
        percent = 100 * self._done // self._total if self._total else 100
        if percent > self._told:
            self._told = percent
            self._report(float(percent))
