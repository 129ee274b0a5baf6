"""Grants: what a key may give to a new one, which is nothing that it has not itself."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from projects_api.access.problems import ExpiryRefused, InsufficientScope, KeyOutlives
from projects_api.models import api_key, usage
from projects_api.models.api_key import Caller
from projects_api.models.base import in_utc, present, to_moment
from projects_api.schemas import KeyCreated, KeyScope

MOST = timedelta(days=36_500)
"""The longest life of a key that has an end."""


def make_key(
    connection: Connection,
    caller: Caller,
    user_id: str,
    *,
    name: str,
    scopes: Sequence[KeyScope],
    expires_at: str | None,
) -> KeyCreated:
    """Make a key for a person, who must exist, that may do no more than the caller's."""
    usage.hold_person(connection, user_id)
    ends = check_grant(connection, caller, scopes, expires_at)
    made = api_key.issue_within(
        connection, user_id=user_id, name=name, scopes=tuple(scopes), expires_at=ends
    )
    found = api_key.find(connection, made.id)
    return {"key_id": made.id, "key": found, "secret": made.text}


def check_grant(
    connection: Connection, caller: Caller, scopes: Sequence[str], expires_at: str | None
) -> str | None:
    """Refuse scopes that the caller's key lacks, and a life beyond its own; return the end."""
    for scope in scopes:
        if not caller.may(scope):
            raise InsufficientScope(
                f"A key gives a new one only scopes that it has itself, and yours lacks `{scope}`. "
                "Leave it out, or use a key that has it."
            )
    if expires_at is not None:
        expires_at = in_utc(expires_at)
        if not present() < to_moment(expires_at) <= present() + MOST:
            raise ExpiryRefused
    mine = api_key.find(connection, caller.key_id)
    ends = mine["expires_at"] if mine else None
    if ends and (expires_at is None or to_moment(expires_at) > to_moment(ends)):
        raise KeyOutlives(
            f"Your key expires at {ends}, and a key that it makes may not outlive it. Give an "
            "`expires_at` until then, or ask the server's operator for a key that lasts longer."
        )
    return expires_at
