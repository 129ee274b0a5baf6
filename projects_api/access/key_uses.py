"""When keys were last used: noted in memory, and written down at intervals.

A read changes nothing in the database, and should not have to for this alone.
"""

import threading

from projects_api.database import Database
from projects_api.models import api_key
from projects_api.models.base import now

INTERVAL_SECONDS = 30.0
MAX_NOTED = 10_000
"""Keys whose uses wait to be written; a further one is noted by its next request."""


class KeyUses:
    """The keys that were used since they were last written down."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def note(self, key_id: str) -> None:
        """Note that a key is used now."""
        if key_id in self._last or len(self._last) < MAX_NOTED:
            self._last[key_id] = now()

    def write(self) -> None:
        """Write down what was noted; where that fails, it is noted again."""
        with self._lock:
            uses, self._last = self._last, {}
            if not uses:
                return
            try:
                with self._database.transaction() as connection:
                    api_key.note_uses(connection, uses)
            except BaseException:
                self._last = {**uses, **self._last}
                raise
