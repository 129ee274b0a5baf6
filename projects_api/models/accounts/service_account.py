"""Service accounts: users that are programs, each of which a person answers for."""

from sqlalchemy import Connection, bindparam, func, insert, select, update

from projects_api import schemas
from projects_api.models import user
from projects_api.models.base import new_id, now, row_of
from projects_api.models.statements import Listing
from projects_api.models.user import service_accounts, users

MOST_OF_PERSON = 20
DOMAIN = "service-accounts.invalid"
"""Where addresses are that nobody can have elsewhere (RFC 2606)."""


class TooManyServiceAccounts(Exception):
    """A person has as many service accounts as one may."""


class OwnerInactive(Exception):
    """Who would answer for an account has just been deactivated or removed."""


_SHOWN = select(
    users.c.id, users.c.name, users.c.email, users.c.created_at, users.c.deactivated_at
).join(service_accounts, service_accounts.c.user_id == users.c.id)
_LISTING = Listing(
    _SHOWN,
    service_accounts.c.owner_id == bindparam("owner_id"),
    service_accounts.c.created_at,
    service_accounts.c.user_id,
)


def is_address(email: str) -> bool:
    """Return whether an address is one that only service accounts have."""
    return email.lower().endswith(f"@{DOMAIN}")


def list_page(
    connection: Connection, owner_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.ServiceAccount], int]:
    """List a person's service accounts, oldest first, and tell how many there are in all."""
    return _LISTING.page(connection, owner_id=owner_id, limit=limit, offset=offset)


def find(connection: Connection, account_id: str, owner_id: str) -> schemas.ServiceAccount | None:
    """Find a service account of a person."""
    mine = (users.c.id == account_id) & (service_accounts.c.owner_id == owner_id)
    return row_of(connection.execute(_SHOWN.where(mine)))


def create(connection: Connection, owner_id: str, *, name: str) -> str:
    """Make an account of a person, who must be held; return its id.

    Raises TooManyServiceAccounts, and OwnerInactive where the person was deactivated meanwhile.
    """
    if not user.is_active(connection, owner_id):
        raise OwnerInactive
    if count(connection, owner_id) >= MOST_OF_PERSON:
        raise TooManyServiceAccounts
    user_id, moment = new_id(), now()
    email = f"{user_id}@{DOMAIN}"
    row = {"id": user_id, "email": email, "name": name, "created_at": moment}
    connection.execute(insert(users), row)
    account = {"user_id": user_id, "owner_id": owner_id, "created_at": moment}
    connection.execute(insert(service_accounts), account)
    return user_id


def count(connection: Connection, owner_id: str) -> int:
    """Count the accounts of a person."""
    here = select(func.count()).where(service_accounts.c.owner_id == owner_id)
    return int(connection.execute(here).scalar_one())


def who_answers(connection: Connection, user_id: str) -> str:
    """Return the owner of a service account, and of anybody else the same one."""
    this = select(service_accounts.c.owner_id).where(service_accounts.c.user_id == user_id)
    owner_id: str | None = connection.scalar(this)
    return owner_id or user_id


def hand_over(connection: Connection, owner_id: str, heir_id: str) -> None:
    """Have another person, who is active and held, answer for all accounts of one.

    Those that were deactivated with the first one are so no longer; by themselves they stay so.
    """
    these = update(service_accounts).where(service_accounts.c.owner_id == owner_id)
    connection.execute(these.values(owner_id=heir_id))
    user.activate_accounts(connection, heir_id)
