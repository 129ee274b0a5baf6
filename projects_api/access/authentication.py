"""Authentication: the key that a request carries.

The contract engine refuses a request without a bearer token before anything else is done.
Whether the token is a living key is asked in the request's own transaction.
"""

from sqlalchemy import Connection

from projects_api.access.tokens import Tokens
from projects_api.contract.problems import Unauthenticated
from projects_api.models import api_key
from projects_api.models.admission import Membership, admit
from projects_api.models.api_key import Caller
from projects_api.models.outside import identity


def authenticate(
    connection: Connection,
    token: str,
    project_id: str | None,
    tokens: Tokens | None = None,
    *,
    lock: bool = False,
) -> tuple[Caller, Membership | None]:
    """Find the caller behind a key; raises `Unauthenticated`.

    With it comes the project of that id, if one is given and the caller is a member; `lock` makes
    other writers of it wait. A token comes alone.
    """
    membership = None
    if tokens and tokens.is_one(token):
        caller = tokens.known(token)
        if caller is None or not identity.works(connection, caller.key_id):
            raise Unauthenticated("This token is of nobody who may use this server any more.")
        return caller, None
    if project_id:
        caller, membership = admit(connection, token, project_id, lock=lock)
    else:
        caller = api_key.authenticate(connection, token)
    if caller is None:
        raise Unauthenticated("This API key is unknown, expired or revoked. Use a valid one.")
    return caller, membership
