"""People, for operators: who is registered, whose keys work, and how much each may keep."""

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from projects_api.access.grants import make_key
from projects_api.access.problems import (
    AddressTaken,
    OwnAccount,
    PersonNotFound,
    QuotaOfOwner,
)
from projects_api.models import usage, user
from projects_api.models.accounts import service_account
from projects_api.models.api_key import Caller
from projects_api.schemas import (
    KeyCreated,
    KeyScope,
    PersonCreated,
    PersonDetails,
    PersonEnvelope,
    PersonList,
)
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.quotas import compared


def list_people(
    connection: Connection, *, limit: int, offset: int, search: str | None = None
) -> PersonList:
    """List everybody by address."""
    items, total = user.list_page(connection, search=search, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_person(connection: Connection, *, email: str, name: str | None = None) -> PersonCreated:
    """Register a person."""
    if service_account.is_address(email):
        raise AddressTaken("Addresses in this domain are those of service accounts. Use another.")
    try:
        user_id = user.create(connection, email=email, name=name or email)
    except IntegrityError as known:  # also where two requests come together
        raise AddressTaken from known
    return {"person_id": user_id, "person": user.find(connection, user_id)}


def get_person(connection: Connection, artifacts: Artifacts, person_id: str) -> PersonDetails:
    """Get a person with what is kept for the person."""
    found = _found(connection, person_id)
    quota = artifacts.quotas.of_person(connection, person_id)
    kept = usage.of_person(connection, person_id)
    return {"person": found["person"], "usage": compared(kept, quota)}


def deactivate_person(connection: Connection, caller: Caller, person_id: str) -> PersonEnvelope:
    """Have no key of a person work."""
    if person_id.lower() == caller.user_id:
        raise OwnAccount
    user.deactivate(connection, person_id)
    return _found(connection, person_id)


def activate_person(connection: Connection, person_id: str) -> PersonEnvelope:
    """Have the keys of a person work again."""
    user.activate(connection, person_id)
    return _found(connection, person_id)


def set_person_quota(
    connection: Connection, person_id: str, quota_bytes: int | None
) -> PersonEnvelope:
    """Give a person a quota of their own, or the server's again."""
    if service_account.who_answers(connection, person_id) != person_id:
        raise QuotaOfOwner
    user.set_own_quota(connection, person_id, quota_bytes)
    return _found(connection, person_id)


def create_person_key(
    connection: Connection,
    caller: Caller,
    person_id: str,
    *,
    name: str,
    scopes: list[KeyScope],
    expires_at: str | None = None,
) -> KeyCreated:
    """Make a key for somebody."""
    usage.hold_person(connection, person_id)  # Who is just being removed is not found then.
    _found(connection, person_id)
    return make_key(connection, caller, person_id, name=name, scopes=scopes, expires_at=expires_at)


def _found(connection: Connection, person_id: str) -> PersonEnvelope:
    found = user.find(connection, person_id)
    if found is None:
        raise PersonNotFound
    return {"person": found}
