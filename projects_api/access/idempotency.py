"""Safe repetition of POST: the answer is kept under the caller's `Idempotency-Key`.

Only successes are kept. A request that failed changed nothing, so that it may be sent again.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from projects_api.access.problems import IdempotencyKeyReused, RequestRunning
from projects_api.contract import Answer
from projects_api.database import Database
from projects_api.models import stored_answer

HEADER = "idempotency-key"


class Claims:
    """The keys of the requests that run in this process, which lose them when it is killed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lock = threading.Lock()
        self._running: dict[bytes, tuple[str, str]] = {}

    def renew(self) -> None:
        """Let what runs keep its keys; to be called well before `CLAIM_TIME` has passed."""
        with self._lock:
            running = dict(self._running)
        if running:
            with self.database.transaction() as connection:
                for token, owner in running.items():
                    stored_answer.renew(connection, *owner, token)

    def add(self, token: bytes, user_id: str, key: str) -> None:
        """Renew a claim from now on."""
        with self._lock:
            self._running[token] = (user_id, key)

    def remove(self, token: bytes) -> None:
        """Renew it no more."""
        with self._lock:
            del self._running[token]


class IdempotentRequest:
    """One request with an idempotency key."""

    def __init__(self, claims: Claims, user_id: str, key: str, *identity: str) -> None:
        self._claims = claims
        self._owner = (user_id, key)
        self._token = uuid4().bytes
        self._fingerprint = sha256("\n".join(identity).encode()).hexdigest()

    def run(self, request: Callable[[], Answer]) -> Answer:
        """Return the kept answer, or run the request, which keeps its own.

        Raises `IdempotencyKeyReused` and `RequestRunning`.
        """
        found = self._claim()
        return self._run(request) if found is None else self._repeat(found)

    def run_within(self, connection: Connection, request: Callable[[], Answer]) -> Answer:
        """Do the same in one transaction, where nobody else's can begin before it ends."""
        found = stored_answer.claim(connection, *self._owner, self._fingerprint, self._token)
        return request() if found is None else self._repeat(found)

    def _repeat(self, found: stored_answer.Answer) -> Answer:
        if found.fingerprint != self._fingerprint:
            raise IdempotencyKeyReused
        if found.status is None:
            raise RequestRunning
        headers = {**(found.headers or {}), "idempotent-replayed": "true"}
        return Answer(found.status, headers, found.body or b"")

    def keep(self, connection: Connection, answer: Answer) -> None:
        """Keep the answer in the transaction that it answers for.

        Raises `RequestRunning` where the claim ran out, and another request may have taken over.
        """
        kept = stored_answer.keep(
            connection,
            *self._owner,
            self._token,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )
        if not kept:
            raise RequestRunning

    def _claim(self) -> stored_answer.Answer | None:
        with self._claims.database.thread_connection(writing=True) as connection:
            return stored_answer.claim(connection, *self._owner, self._fingerprint, self._token)

    def _run(self, request: Callable[[], Answer]) -> Answer:
        self._claims.add(self._token, *self._owner)
        try:
            return request()
        except BaseException:
            self._release()
            raise
        finally:
            self._claims.remove(self._token)

    def _release(self) -> None:
        # A claim that cannot be released now runs out by itself.
        with suppress(SQLAlchemyError), self._claims.database.transaction() as connection:
            stored_answer.release(connection, *self._owner, self._token)
