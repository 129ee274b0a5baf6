"""Service accounts: accounts for programs, with keys of their own."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.grants import make_key
from projects_api.access.problems import (
    KeyNotFound,
    NotForServiceAccounts,
    ServiceAccountNotFound,
)
from projects_api.models import api_key, usage
from projects_api.models.accounts import leaving, service_account
from projects_api.models.api_key import Caller
from projects_api.schemas import (
    KeyCreated,
    KeyScope,
    ServiceAccount,
    ServiceAccountCreated,
    ServiceAccountEnvelope,
    ServiceAccountKeyList,
    ServiceAccountList,
)


def list_service_accounts(
    connection: Connection, caller: Caller, *, limit: int, offset: int
) -> ServiceAccountList:
    """List the caller's service accounts, oldest first."""
    items, total = service_account.list_page(connection, caller.user_id, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_service_account(
    connection: Connection, caller: Caller, name: str
) -> ServiceAccountCreated:
    """Make an account that the caller answers for."""
    if service_account.who_answers(connection, caller.user_id) != caller.user_id:
        raise NotForServiceAccounts
    usage.hold_person(connection, caller.user_id)
    account_id = service_account.create(connection, caller.user_id, name=name)
    return {"account_id": account_id, "account": _found(connection, caller, account_id)}


def get_service_account(
    connection: Connection, caller: Caller, account_id: str
) -> ServiceAccountEnvelope:
    """Get one of the caller's service accounts."""
    return {"account": _found(connection, caller, account_id)}


def delete_service_account(
    connection: Connection, caller: Caller, account_id: str
) -> dict[str, Any]:
    """Delete an account; what it alone owns and maintains becomes the caller's."""
    account = _found(connection, caller, account_id)
    try:
        leaving.remove(connection, account["id"], caller.user_id)
    except leaving.Gone as gone:
        raise ServiceAccountNotFound from gone
    return {"ok": True}


def list_service_account_keys(
    connection: Connection, caller: Caller, account_id: str, *, limit: int, offset: int
) -> ServiceAccountKeyList:
    """List the keys of an account that work, newest first."""
    _found(connection, caller, account_id)
    items, total = api_key.list_page(connection, user_id=account_id, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_service_account_key(
    connection: Connection,
    caller: Caller,
    account_id: str,
    *,
    name: str,
    scopes: list[KeyScope],
    expires_at: str | None = None,
) -> KeyCreated:
    """Make a key for an account that may do no more, and for no longer, than the one that asks."""
    account = _found(connection, caller, account_id)
    usage.hold_person(connection, account["id"])
    _found(connection, caller, account_id)  # One that was just being deleted is not there any more.
    return make_key(connection, caller, account_id, name=name, scopes=scopes, expires_at=expires_at)


def delete_service_account_key(
    connection: Connection, caller: Caller, account_id: str, key_id: str
) -> dict[str, Any]:
    """Make a key of an account useless."""
    _found(connection, caller, account_id)
    if api_key.find(connection, key_id, user_id=account_id) is None:
        raise KeyNotFound
    api_key.revoke(connection, key_id)
    return {"ok": True}


def _found(connection: Connection, caller: Caller, account_id: str) -> ServiceAccount:
    account = service_account.find(connection, account_id, caller.user_id)
    if account is None:
        raise ServiceAccountNotFound
    return account
