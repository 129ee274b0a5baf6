"""Endurance: what a loop of ours that runs for ever does with the faults that it meets."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from projects_api.files.spool import StorageUnavailable

PASSING = (SQLAlchemyError, StorageUnavailable)
"""What goes by when the database or the store is back; everything else is a fault of ours."""
_log = structlog.get_logger()


class Endurance:
    """Outlives every fault of a step, and logs each as `event` once, until a step succeeds."""

    def __init__(self, event: str, **facts: object) -> None:
        self._event = event
        self._facts = facts
        self._known = ""

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run a block; go on behind it whatever it raises."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - nobody would begin the loop again
            self._tell(error)
        else:
            self._known = ""

    def _tell(self, error: Exception) -> None:
        known = f"{type(error).__name__}: {error}"
        if known == self._known:
            return
        self._known = known
        traceback = None if isinstance(error, PASSING) else error
        _log.warning(self._event, error=known, exc_info=traceback, **self._facts)
