"""People who have keys and are members of projects, and accounts of programs, which do as well."""

from collections.abc import Collection
from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Index,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    new_id,
    now,
    page_of,
    row_of,
    rows_of,
    table_of,
)
from projects_api.models.statements import DriverStatement


class User(SQLModel, table=True):
    """A person; the e-mail address is kept in lower case and is unique.

    No key of somebody who is deactivated works. `own_quota_bytes` is for this person in the place
    of the server's quota: null where there is none, 0 where there is no limit.
    """

    __tablename__ = "users"

    id: str = Field(primary_key=True, sa_type=Identifier)
    email: str = Field(unique=True, sa_type=binary_text(254))
    name: str = Field(max_length=255)
    created_at: str = Field(sa_type=Timestamp)
    deactivated_at: str | None = Field(default=None, sa_type=Timestamp)
    own_quota_bytes: int | None = Field(default=None, sa_type=BigInteger)


class ServiceAccount(SQLModel, table=True):
    """That a user is the account of a program, and the person who answers for it.

    `deactivated_at` is since when the account is deactivated by itself, and null where it is not;
    that of the user says what holds, by itself or with the owner.
    """

    __tablename__ = "service_accounts"
    __table_args__ = (Index(None, "owner_id", "created_at", "user_id"),)

    user_id: str = Field(
        primary_key=True, foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier
    )
    owner_id: str = Field(foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier)
    created_at: str = Field(sa_type=Timestamp)
    deactivated_at: str | None = Field(default=None, sa_type=Timestamp)


users = table_of(User)
service_accounts = table_of(ServiceAccount)

_KEEP = DriverStatement(
    select(users.c.id)
    .where(users.c.email == bindparam("email"))
    .with_for_update(read=True, key_share=True)
)
_OWN_QUOTA = DriverStatement(
    select(users.c.own_quota_bytes).where(users.c.id == bindparam("user_id"))
)


def create(connection: Connection, *, email: str, name: str) -> str:
    """Register a person and return the new id; a known address violates `uq_users_email`."""
    user_id = new_id()
    connection.execute(
        insert(users).values(id=user_id, email=email.lower(), name=name, created_at=now())
    )
    return user_id


def find_id(connection: Connection, email: str) -> str | None:
    """Find the person with this address, in any case of letters."""
    this = users.c.email == email.lower()
    found: str | None = connection.scalar(select(users.c.id).where(this))
    return found


def keep(connection: Connection, email: str) -> str | None:
    """Find the person with this address as `find_id`, who then stays until the transaction ends.

    For rows that will name the person: one who is just being removed is waited for, and not found.
    """
    found: str | None = _KEEP.scalar(connection, email=email.lower())
    return found


def find(connection: Connection, user_id: str) -> Any:
    """Find a person by id; `None` where there is none."""
    return row_of(connection.execute(select(users).where(users.c.id == user_id)))


def own_quota(connection: Connection, user_id: str) -> int | None:
    """Tell the quota that a person has in the place of the server's."""
    found: int | None = _OWN_QUOTA.scalar(connection, user_id=user_id)
    return found


def set_own_quota(connection: Connection, user_id: str, quota_bytes: int | None) -> None:
    """Give a person a quota of their own, or take it away."""
    person = update(users).where(users.c.id == user_id)
    connection.execute(person.values(own_quota_bytes=quota_bytes))


class State(Enum):
    """What somebody is: who is active and a person may answer for others."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    PROGRAM = "program"


class OwnerDeactivated(Exception):
    """An account is to be activated whose owner is deactivated."""


def hold(
    connection: Connection, user_ids: Collection[str], *, leaving: str | None = None
) -> dict[str, State]:
    """Have others who change these users wait; tell what each is who is still there.

    For somebody who leaves, who would only name the user in a row waits, too. People are held
    before accounts of programs, and each kind by its ids, so that nobody waits for one who waits.
    """
    programs = set(
        connection.scalars(
            select(service_accounts.c.user_id).where(service_accounts.c.user_id.in_(user_ids))
        )
    )
    states = {}
    for user_id in sorted(user_ids, key=lambda one: (one in programs, one)):
        this = select(users.c.deactivated_at).where(users.c.id == user_id)
        row = connection.execute(this.with_for_update(key_share=user_id != leaving)).first()
        if row is not None:
            state = State.DEACTIVATED if row.deactivated_at else State.ACTIVE
            states[user_id] = State.PROGRAM if user_id in programs else state
    return states


def is_active(connection: Connection, user_id: str) -> bool:
    """Return whether somebody is registered and not deactivated."""
    this = (users.c.id == user_id) & users.c.deactivated_at.is_(None)
    return connection.execute(select(users.c.id).where(this)).first() is not None


def deactivate(connection: Connection, user_id: str) -> None:
    """Have no key of a person, or of the person's service accounts, work from now on.

    Who is deactivated stays so since then.
    """
    _hold_with_owner(connection, user_id)
    moment = now()
    these = (users.c.id == user_id) | users.c.id.in_(_accounts_of(user_id))
    active = update(users).where(these, users.c.deactivated_at.is_(None))
    connection.execute(active.values(deactivated_at=moment))
    by_itself = update(service_accounts).where(
        service_accounts.c.user_id == user_id, service_accounts.c.deactivated_at.is_(None)
    )
    connection.execute(by_itself.values(deactivated_at=moment))


def activate(connection: Connection, user_id: str) -> None:
    """Have the keys of a person work again, and of the accounts that went along.

    An account that was deactivated by itself stays so. Raises OwnerDeactivated: no service account
    works without its owner.
    """
    owner_id = _hold_with_owner(connection, user_id)
    if owner_id is not None and not is_active(connection, owner_id):
        raise OwnerDeactivated
    account = update(service_accounts).where(service_accounts.c.user_id == user_id)
    connection.execute(account.values(deactivated_at=None))
    connection.execute(update(users).where(users.c.id == user_id).values(deactivated_at=None))
    activate_accounts(connection, user_id)


def activate_accounts(connection: Connection, owner_id: str) -> None:
    """Activate the accounts of an active person, who is held, but for those off by themselves."""
    these = _accounts_of(owner_id).where(service_accounts.c.deactivated_at.is_(None))
    connection.execute(update(users).where(users.c.id.in_(these)).values(deactivated_at=None))


def _hold_with_owner(connection: Connection, user_id: str) -> str | None:
    """Hold a user, and before an account its owner; return the owner's id.

    Another one may have become the owner while this waited: the one who is it now is held.
    """
    this = select(service_accounts.c.owner_id).where(service_accounts.c.user_id == user_id)
    held: set[str] = set()
    while (owner_id := connection.scalar(this)) is not None and owner_id not in held:
        hold(connection, [owner_id])
        held.add(owner_id)
    hold(connection, [user_id])
    return owner_id


def _accounts_of(owner_id: str) -> Select[Any]:
    return select(service_accounts.c.user_id).where(service_accounts.c.owner_id == owner_id)


def list_page(
    connection: Connection, *, search: str | None, limit: int, offset: int
) -> tuple[list[Any], int]:
    """List people by address, those whose address contains a text, and tell how many."""
    rows = select(users)
    if search:
        # Addresses are in lower case, and ASCII: both databases find the same.
        rows = rows.where(users.c.email.contains(search.lower(), autoescape=True))
    return page_of(connection, rows, users.c.email, limit=limit, offset=offset)


def any_exists(connection: Connection) -> bool:
    """Return whether anybody is registered."""
    return connection.execute(select(users.c.id).limit(1)).first() is not None


def find_first(connection: Connection) -> str | None:
    """Return the id of whom the database knows for longest, which tells it from other databases."""
    return connection.scalar(select(users.c.id).order_by(users.c.id).limit(1))


def list_all(connection: Connection) -> list[dict[str, str]]:
    """List everybody by address."""
    statement = select(users.c.id, users.c.email, users.c.name).order_by(users.c.email)
    return rows_of(connection.execute(statement))


def remove(connection: Connection, user_id: str) -> None:
    """Remove a person with all keys; foreign keys remove memberships, too."""
    connection.execute(delete(users).where(users.c.id == user_id))
