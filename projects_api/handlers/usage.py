"""Usage: what is kept for the caller, and how much more may be."""

from typing import Any

from sqlalchemy import Connection

from projects_api.models import usage
from projects_api.models.accounts import service_account
from projects_api.models.api_key import Caller
from projects_api.schemas import Usage
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.quotas import compared


def get_usage(
    connection: Connection, caller: Caller, artifacts: Artifacts, *, limit: int, offset: int
) -> Usage:
    """Add up what is kept for the caller, and in the projects that the caller owns."""
    quotas = artifacts.quotas
    user_id = service_account.who_answers(connection, caller.user_id)
    kept = usage.of_person(connection, user_id)
    owned, total = usage.list_owned(connection, caller.user_id, limit=limit, offset=offset)
    found: Any = {
        **compared(kept, quotas.of_person(connection, user_id)),
        "items": [compared(one, quotas.project) for one in owned],
        "total": total,
        "limit": limit,
        "offset": offset,
    }
    answer: Usage = found
    return answer
