"""Keys: a caller's own, and for operators everybody's."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.grants import make_key
from projects_api.access.problems import KeyNotFound
from projects_api.models import api_key
from projects_api.models.api_key import SCOPES, Caller
from projects_api.schemas import KeyCaller, KeyCreated, KeyEnvelope, KeyList, KeyScope


def list_keys(connection: Connection, caller: Caller, *, limit: int, offset: int) -> KeyList:
    """List the caller's keys that work, newest first."""
    return _page(connection, caller, caller.user_id, limit, offset)


def create_key(
    connection: Connection,
    caller: Caller,
    *,
    name: str,
    scopes: list[KeyScope],
    expires_at: str | None = None,
) -> KeyCreated:
    """Make a key that may do no more, and for no longer, than the one that asks."""
    return make_key(
        connection, caller, caller.user_id, name=name, scopes=scopes, expires_at=expires_at
    )


def get_key(connection: Connection, caller: Caller, key_id: str) -> KeyEnvelope:
    """Get one of the caller's keys."""
    found = api_key.find(connection, key_id, user_id=caller.user_id)
    if found is None:
        raise KeyNotFound
    return {"key": found}


def delete_key(connection: Connection, caller: Caller, key_id: str) -> dict[str, Any]:
    """Make one of the caller's keys useless, be it the one that asks."""
    if api_key.find(connection, key_id, user_id=caller.user_id) is None:
        raise KeyNotFound
    return _revoked(connection, key_id)


def list_all_keys(
    connection: Connection,
    caller: Caller,
    *,
    limit: int,
    offset: int,
    user_id: str | None = None,
) -> KeyList:
    """List everybody's keys that work, or a person's, newest first."""
    return _page(connection, caller, user_id, limit, offset)


def get_any_key(connection: Connection, key_id: str) -> KeyEnvelope:
    """Get anybody's key."""
    found = api_key.find(connection, key_id)
    if found is None:
        raise KeyNotFound
    return {"key": found}


def revoke_key(connection: Connection, key_id: str) -> dict[str, Any]:
    """Make anybody's key useless."""
    return _revoked(connection, key_id)


def _page(
    connection: Connection, caller: Caller, user_id: str | None, limit: int, offset: int
) -> KeyList:
    items, total = api_key.list_page(connection, user_id=user_id, limit=limit, offset=offset)
    own: KeyCaller = {
        "user_id": caller.user_id,
        "key_id": caller.key_id,
        "scopes": [scope for scope in SCOPES if scope in caller.scopes],
    }
    return {"items": items, "caller": own, "total": total, "limit": limit, "offset": offset}


def _revoked(connection: Connection, key_id: str) -> dict[str, Any]:
    if not api_key.revoke(connection, key_id):
        raise KeyNotFound
    return {"ok": True}
