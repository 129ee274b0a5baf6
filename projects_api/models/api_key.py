"""API keys: a readable prefix, a public part to look the key up by, and 256 random bits.

Only the SHA-256 of the secret is kept. The secret is random, so no slower hash is needed.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, new_id, now, rows_of, table_of
from projects_api.models.statements import DriverStatement
from projects_api.models.user import users

SCOPES = ("read", "write", "predict", "admin")
PREFIX = "pak"


class ApiKey(SQLModel, table=True):
    """A key as it is kept: enough to recognise it, not enough to use it."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True, sa_type=Identifier)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, sa_type=Identifier)
    name: str = Field(max_length=255)
    lookup: str = Field(unique=True, max_length=16)
    secret_sha256: str = Field(max_length=64)
    scopes: str = Field(max_length=64)
    created_at: str = Field(sa_type=Timestamp)
    expires_at: str | None = Field(default=None, sa_type=Timestamp)
    revoked_at: str | None = Field(default=None, sa_type=Timestamp)


api_keys = table_of(ApiKey)

LIVE = and_(
    api_keys.c.lookup == bindparam("lookup"),
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > bindparam("now")),
)
COLUMNS = (
    api_keys.c.id.label("key_id"),
    api_keys.c.user_id,
    api_keys.c.scopes,
    api_keys.c.secret_sha256,
)
_LIVE_KEY = DriverStatement(select(*COLUMNS).where(LIVE))


class Caller(NamedTuple):
    """Who makes the request, and what the key allows."""

    user_id: str
    key_id: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Return whether the key has a scope; `admin` includes every other one."""
        return scope in self.scopes or "admin" in self.scopes


def issue(
    connection: Connection,
    *,
    user_id: str,
    name: str,
    scopes: tuple[str, ...] = SCOPES,
    expires_at: str | None = None,
) -> str:
    """Make a key and return its text, which nobody can read again."""
    lookup = secrets.token_hex(8)
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(api_keys).values(
            id=new_id(),
            user_id=user_id,
            name=name,
            lookup=lookup,
            secret_sha256=_digest(secret),
            scopes=" ".join(scopes),
            created_at=now(),
            expires_at=expires_at,
        )
    )
    return f"{PREFIX}_{lookup}_{secret}"


def authenticate(connection: Connection, token: str) -> Caller | None:
    """Find the caller behind a key that is known, not expired and not revoked."""
    row = find_row(_LIVE_KEY, connection, token)
    return caller_of(row) if row else None


def find_row(
    statement: DriverStatement, connection: Connection, token: str, **parameters: Any
) -> dict[str, Any] | None:
    """Find the row that a statement has of a key, by `COLUMNS` and `LIVE` and what more it likes.

    `None` where there is none, or where the token is not the key's.
    """
    prefix, _, rest = token.partition("_")
    lookup, _, secret = rest.partition("_")
    if prefix != PREFIX:
        return None
    row = statement.first(connection, lookup=lookup, now=now(), **parameters)
    if row is None or not hmac.compare_digest(row["secret_sha256"], _digest(secret)):
        return None
    return row


def caller_of(row: Mapping[str, Any]) -> Caller:
    """Return the caller whose key a row has."""
    return Caller(row["user_id"], row["key_id"], frozenset(row["scopes"].split()))


def revoke(connection: Connection, key_id: str) -> bool:
    """Make a key useless at once; tell whether there was a live one."""
    live = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return connection.execute(live.values(revoked_at=now())).rowcount == 1


def revoke_all(connection: Connection, user_id: str) -> int:
    """Make all of a person's keys useless at once; return how many were live."""
    live = update(api_keys).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
    return connection.execute(live.values(revoked_at=now())).rowcount


def rotate(connection: Connection, key_id: str) -> str | None:
    """Put a new key in the place of a live one; return its text, None where there was none."""
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
    if (
        row is None
        or (row.expires_at and row.expires_at <= now())
        or not revoke(connection, key_id)
    ):
        return None
    return issue(
        connection,
        user_id=row.user_id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        expires_at=row.expires_at,
    )


def list_all(connection: Connection) -> list[dict[str, str | None]]:
    """List every key without its secret, oldest first."""
    statement = (
        select(
            api_keys.c.id,
            users.c.email,
            api_keys.c.name,
            api_keys.c.scopes,
            api_keys.c.created_at,
            api_keys.c.expires_at,
            api_keys.c.revoked_at,
        )
        .join(users)
        .order_by(api_keys.c.id)
    )
    return rows_of(connection.execute(statement))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
