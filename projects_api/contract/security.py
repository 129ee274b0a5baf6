"""Security: the bearer token that a request carries."""

from starlette.types import Scope

from projects_api.contract.problems import Unauthenticated


def bearer_token(scope: Scope) -> str:
    """Return the token of a request; raises `Unauthenticated` where it has not exactly one."""
    sent: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    # Of two, a proxy may have judged the other one.
    if len(sent) == 1:
        scheme, _, token = sent[0].decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and token.isascii() and token.strip():
            return token.strip()
    raise Unauthenticated
