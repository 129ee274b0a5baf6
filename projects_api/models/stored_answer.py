"""Answers kept under the `Idempotency-Key` of the request that they answered."""

from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Connection,
    Integer,
    LargeBinary,
    and_,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, now, present, table_of, to_text
from projects_api.models.statements import DriverStatement, parameters_of

KEEP_TIME = timedelta(hours=24)
CLAIM_TIME = timedelta(minutes=1)
"""After this, a claim that its process did not renew is taken for one that a crash left."""


class StoredAnswer(SQLModel, table=True):
    """A claim on a key while its request runs (`status` is null), then the answer.

    The body of a claim is a token, by which the request knows that the claim is still its own.
    """

    __tablename__ = "stored_answers"

    user_id: str = Field(
        primary_key=True, foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier
    )
    idempotency_key: str = Field(primary_key=True, max_length=255)
    fingerprint: str = Field(max_length=64)
    status: int | None = Field(default=None, sa_type=Integer)
    headers: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    expires_at: str = Field(sa_type=Timestamp, index=True)


stored_answers = table_of(StoredAnswer)


_HERE = and_(
    stored_answers.c.user_id == bindparam("user_id"),
    stored_answers.c.idempotency_key == bindparam("idempotency_key"),
)
_OWN = and_(_HERE, stored_answers.c.status.is_(None), stored_answers.c.body == bindparam("token"))
_FORGET = DriverStatement(
    delete(stored_answers).where(_HERE, stored_answers.c.expires_at <= bindparam("moment"))
)
_CLAIMED = ("user_id", "idempotency_key", "fingerprint", "body", "expires_at")
_CLAIM = {
    name: DriverStatement(
        dialect.insert(stored_answers).values(parameters_of(_CLAIMED)).on_conflict_do_nothing()
    )
    for name, dialect in {"postgresql": postgresql, "sqlite": sqlite}.items()
}
_KEPT = ("status", "headers", "body", "expires_at")
_KEEP = DriverStatement(update(stored_answers).where(_OWN).values(parameters_of(_KEPT)))
_RENEW = DriverStatement(update(stored_answers).where(_OWN).values(parameters_of(["expires_at"])))
_RELEASE = DriverStatement(delete(stored_answers).where(_OWN))


class Answer(NamedTuple):
    """What is found under a key; `status` is `None` while the request runs."""

    fingerprint: str
    status: int | None
    headers: dict[str, str] | None
    body: bytes | None


_FIND = DriverStatement(select(*(stored_answers.c[name] for name in Answer._fields)).where(_HERE))


def claim(
    connection: Connection, user_id: str, key: str, fingerprint: str, token: bytes
) -> Answer | None:
    """Claim a key for a request; return what is there already when the claim fails."""
    this = {"user_id": user_id, "idempotency_key": key}
    _FORGET.execute_later(connection, **this, moment=now())
    new = {"fingerprint": fingerprint, "body": token, "expires_at": _after(CLAIM_TIME)}
    if _CLAIM[connection.dialect.name].execute(connection, **this, **new):
        return None
    found = _FIND.first(connection, **this)
    # The other request gave up between the two statements: to the caller it was still running.
    return Answer(**found) if found else Answer(fingerprint, None, None, None)


def renew(connection: Connection, user_id: str, key: str, token: bytes) -> None:
    """Let a claim live on, if it is still there."""
    this = {"user_id": user_id, "idempotency_key": key, "token": token}
    _RENEW.execute(connection, **this, expires_at=_after(CLAIM_TIME))


def keep(
    connection: Connection,
    user_id: str,
    key: str,
    token: bytes,
    *,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> bool:
    """Keep the answer for 24 hours in place of its claim; tell whether the claim was there."""
    this = {"user_id": user_id, "idempotency_key": key, "token": token}
    answer = {"status": status, "headers": headers, "body": body}
    return _KEEP.execute(connection, **this, **answer, expires_at=_after(KEEP_TIME)) == 1


def release(connection: Connection, user_id: str, key: str, token: bytes) -> None:
    """Give up the claim of a request that failed, so that it can be made again."""
    _RELEASE.execute(connection, user_id=user_id, idempotency_key=key, token=token)


def remove_expired(connection: Connection) -> None:
    """Forget answers that are no longer kept."""
    connection.execute(delete(stored_answers).where(stored_answers.c.expires_at <= now()))


def _after(time: timedelta) -> str:
    return to_text(present() + time)
