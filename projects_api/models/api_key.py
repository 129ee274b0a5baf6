"""API keys: a readable prefix, a public part to look the key up by, and 256 random bits.

Only the SHA-256 of the secret is kept. The secret is random, so no slower hash is needed.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import (
    Identifier,
    Timestamp,
    new_id,
    now,
    page_of,
    row_of,
    rows_of,
    table_of,
)
from projects_api.models.statements import DriverStatement
from projects_api.models.user import service_accounts, users

SCOPES = get_args(schemas.KeyScope)
OPERATOR = "admin"
"""The scope of those who run the server; it includes every other one."""
PREFIX = "pak"
MAX_LIVE = 100
"""Keys of one person that work at the same time."""


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
    last_used_at: str | None = Field(default=None, sa_type=Timestamp)


api_keys = table_of(ApiKey)

_DEACTIVATED = exists().where(users.c.id == api_keys.c.user_id, users.c.deactivated_at.is_not(None))
LIVE = and_(
    api_keys.c.lookup == bindparam("lookup"),
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > bindparam("now")),
    ~_DEACTIVATED,
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
        return scope in self.scopes or OPERATOR in self.scopes


class TooManyKeys(Exception):
    """A person has as many keys that work as a person may have."""


class NotForServiceAccounts(Exception):
    """A service account would get what only people may have."""


class Issued(NamedTuple):
    """A new key: its id, and its text, which nobody can read again."""

    id: str
    text: str


def issue(
    connection: Connection,
    *,
    user_id: str,
    name: str,
    scopes: tuple[str, ...] = SCOPES,
    expires_at: str | None = None,
) -> str:
    """Make a key and return its text, which nobody can read again."""
    return make(connection, user_id=user_id, name=name, scopes=scopes, expires_at=expires_at).text


def make(
    connection: Connection,
    *,
    user_id: str,
    name: str,
    scopes: tuple[str, ...] = SCOPES,
    expires_at: str | None = None,
    key_id: str | None = None,
) -> Issued:
    """Make a key, with an id of its own unless one is given.

    Raises NotForServiceAccounts where a program would become an operator.
    """
    if OPERATOR in scopes:
        _check_person(connection, user_id)
    key_id = key_id or new_id()
    lookup = secrets.token_hex(8)
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(api_keys).values(
            id=key_id,
            user_id=user_id,
            name=name,
            lookup=lookup,
            secret_sha256=_digest(secret),
            scopes=" ".join(scopes),
            created_at=now(),
            expires_at=expires_at,
        )
    )
    return Issued(key_id, f"{PREFIX}_{lookup}_{secret}")


def _check_person(connection: Connection, user_id: str) -> None:
    program = select(service_accounts.c.user_id).where(service_accounts.c.user_id == user_id)
    if connection.execute(program).first() is not None:
        raise NotForServiceAccounts


def issue_within(connection: Connection, *, user_id: str, **options: Any) -> Issued:
    """Make a key unless the person has as many as may be; raises TooManyKeys.

    The caller holds the person, or two requests together would pass the bound.
    """
    works = select(func.count()).where(_works(), api_keys.c.user_id == user_id)
    if connection.execute(works).scalar_one() >= MAX_LIVE:
        raise TooManyKeys
    return make(connection, user_id=user_id, **options)


def _works() -> ColumnElement[bool]:
    ends = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now())
    return and_(api_keys.c.revoked_at.is_(None), ends)


def _shown() -> Select[Any]:
    names = ("id", "user_id", "name", "scopes", "created_at", "expires_at", "last_used_at")
    columns = [api_keys.c[name] for name in names]
    joined = api_keys.join(users, users.c.id == api_keys.c.user_id)
    return select(*columns, users.c.email).select_from(joined).where(_works())


def _public(row: Any) -> Any:
    return {**row, "scopes": [one for one in SCOPES if one in row["scopes"].split()]}


def find(connection: Connection, key_id: str, *, user_id: str | None = None) -> Any:
    """Find a key that works, of a person or of anybody, without its secret."""
    statement = _shown().where(api_keys.c.id == key_id)
    if user_id:
        statement = statement.where(api_keys.c.user_id == user_id)
    row = row_of(connection.execute(statement))
    return _public(row) if row else None


def list_page(
    connection: Connection, *, user_id: str | None, limit: int, offset: int
) -> tuple[list[Any], int]:
    """List the keys that work, newest first, of a person or of everybody; tell how many."""
    rows = _shown()
    if user_id:
        rows = rows.where(api_keys.c.user_id == user_id)
    found, total = page_of(connection, rows, api_keys.c.id.desc(), limit=limit, offset=offset)
    return [_public(row) for row in found], total


def note_uses(connection: Connection, uses: Mapping[str, str]) -> None:
    """Note when keys were last used, by their ids."""
    noted = update(api_keys).where(api_keys.c.id == bindparam("key_id"))
    # In one order, or two processes would wait for each other.
    rows = [{"key_id": key_id, "moment": uses[key_id]} for key_id in sorted(uses)]
    connection.execute(noted.values(last_used_at=bindparam("moment")), rows)


def remove_old(connection: Connection, before: str, *, most: int) -> int:
    """Forget keys that were revoked or expired before a moment; return how many."""
    ended = or_(api_keys.c.revoked_at < before, api_keys.c.expires_at < before)
    oldest = select(api_keys.c.id).where(ended).order_by(api_keys.c.id).limit(most)
    return connection.execute(delete(api_keys).where(api_keys.c.id.in_(oldest))).rowcount


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
    """Make all keys of a person, and of the person's accounts, useless; return how many lived."""
    mine = update(api_keys).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
    count = connection.execute(mine.values(revoked_at=now())).rowcount
    return count + revoke_of_accounts(connection, user_id)


def revoke_of_accounts(connection: Connection, owner_id: str) -> int:
    """Make all keys of a person's service accounts useless; return how many lived."""
    accounts = select(service_accounts.c.user_id).where(service_accounts.c.owner_id == owner_id)
    live = api_keys.c.user_id.in_(accounts) & api_keys.c.revoked_at.is_(None)
    return connection.execute(update(api_keys).where(live).values(revoked_at=now())).rowcount


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
