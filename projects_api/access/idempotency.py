"""Safe repetition of POST: the answer is kept under the caller's `Idempotency-Key`.

Only successes are kept. A request that failed changed nothing, so that it may be sent again.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from projects_api.access.problems import IdempotencyKeyReused, RequestRunning
from projects_api.contract import Answer
from projects_api.database import Database
from projects_api.models import stored_answer

HEADER = "idempotency-key"


class IdempotentRequest:
    """One request with an idempotency key."""

    def __init__(self, database: Database, user_id: str, key: str, *identity: str) -> None:
        self._database = database
        self._user_id = user_id
        self._key = key
        self._fingerprint = sha256("\n".join(identity).encode()).hexdigest()

    def run(self, request: Callable[[], Answer]) -> Answer:
        """Return the kept answer, or run the request, which keeps its own.

        Raises `IdempotencyKeyReused` and `RequestRunning`.
        """
        with self._database.transaction() as connection:
            found = stored_answer.claim(connection, self._user_id, self._key, self._fingerprint)
        if found is None:
            try:
                return request()
            except BaseException:
                self._release()
                raise
        if found.fingerprint != self._fingerprint:
            raise IdempotencyKeyReused
        if found.status is None:
            raise RequestRunning
        headers = {**(found.headers or {}), "idempotent-replayed": "true"}
        return Answer(found.status, headers, found.body or b"")

    def keep(self, connection: Connection, answer: Answer) -> None:
        """Keep the answer in the transaction that it answers for."""
        stored_answer.keep(
            connection,
            self._user_id,
            self._key,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )

    def _release(self) -> None:
        # A claim that cannot be released now runs out by itself.
        with suppress(SQLAlchemyError), self._database.transaction() as connection:
            stored_answer.release(connection, self._user_id, self._key)
