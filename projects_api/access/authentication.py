"""Authentication: the key that a request carries.

Connexion's security layer refuses a request without a bearer token before anything else is done.
Whether the token is a living key is asked in the request's own transaction.
"""

from collections.abc import Callable
from typing import Any

from connexion.lifecycle import ConnexionRequest
from connexion.security import AbstractSecurityHandler
from sqlalchemy import Connection
from starlette.types import Scope

from projects_api.contract.problems import Unauthenticated
from projects_api.models import api_key
from projects_api.models.admission import Membership, admit
from projects_api.models.api_key import Caller


class BearerToken(AbstractSecurityHandler):
    """Connexion's handler for bearer tokens, bound here so that the contract names no Python."""

    def get_fn(
        self, _security_scheme: dict[str, Any], _required_scopes: list[str]
    ) -> Callable[[ConnexionRequest], dict[str, str]]:
        """Give the function that finds the token of a request."""
        return _find_token


SECURITY_MAP = {"bearer": BearerToken}


def authenticate(
    connection: Connection, scope: Scope, project_id: str | None
) -> tuple[Caller, Membership | None]:
    """Find the caller behind the request's key; raises `Unauthenticated`.

    With it comes the project of that id, if one is given and the caller is a member.
    """
    token = scope["extensions"]["connexion_context"]["token_info"]["token"]
    membership = None
    if project_id:
        caller, membership = admit(connection, token, project_id)
    else:
        caller = api_key.authenticate(connection, token)
    if caller is None:
        raise Unauthenticated("This API key is unknown, expired or revoked. Use a valid one.")
    return caller, membership


def _find_token(request: ConnexionRequest) -> dict[str, str]:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and token.isascii() and token.strip():
                return {"token": token.strip()}
    raise Unauthenticated
