"""When keys were last used, on its way into the database."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from projects_api.access.key_uses import MAX_NOTED, KeyUses
from projects_api.models import api_key
from projects_api.models.base import to_text


def test_a_bound_and_a_database_that_is_away(monkeypatch):
    """What cannot be written waits, no more than so many keys, each with its last use."""
    written = []

    class Database:
        is_away = True

        @contextmanager
        def transaction(self):
            if self.is_away:
                raise ConnectionError
            yield None

    monkeypatch.setattr(api_key, "note_uses", lambda _, uses: written.append(dict(uses)))
    database = Database()
    uses = KeyUses(database)
    for number in range(MAX_NOTED + 5):
        uses.note(str(number))
    with pytest.raises(ConnectionError):
        uses.write()
    begin = to_text(datetime.now(UTC))
    uses.note("1")
    uses.note("one too many")
    database.is_away = False
    uses.write()
    uses.write()
    ((found),) = written
    assert len(found) == MAX_NOTED
    assert "one too many" not in found
    assert found["1"] >= begin > found["2"]
