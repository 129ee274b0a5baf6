"""Problems of keys, scopes and roles."""

from projects_api.contract import NotFound, Problem


class InsufficientScope(Problem):
    """The key does not have the scope that the operation needs."""

    status = 403
    slug = "insufficient-scope"
    title = "The API key lacks a scope"


class InsufficientRole(Problem):
    """The caller's role in the project, or in the team, is below what the operation needs."""

    status = 403
    slug = "insufficient-role"
    title = "The role is too low"


class KeyNotFound(NotFound):
    """No such key that works: of the caller, or of anybody where an operator asks."""

    slug = "key-not-found"
    title = "No such key"
    detail = (
        "No key with this id works: it is not yours, is revoked, or has expired. List the keys to "
        "see their ids."
    )


class TooManyKeys(Problem):
    """A user has as many keys that work as one may have."""

    status = 409
    slug = "too-many-keys"
    title = "Too many keys"
    detail = "As many keys work as one user may have. Delete one that is not needed any more."


class KeyOutlives(Problem):
    """A key that expires would make one that works longer."""

    status = 409
    slug = "key-outlives"
    title = "The new key would outlive yours"


class ExpiryRefused(Problem):
    """A key would never work, or for longer than keys may."""

    status = 422
    slug = "expiry-refused"
    title = "The key cannot expire then"
    detail = (
        "A key expires in the future, and within a hundred years. Send such a moment as "
        "`expires_at`, or none for a key that does not expire."
    )


class NotForServiceAccounts(Problem):
    """A service account asks for what only people may have."""

    status = 403
    slug = "not-for-service-accounts"
    title = "Not for service accounts"
    detail = (
        "A service account makes no service accounts, and none of its keys has the scope `admin`. "
        "Use a key of a person."
    )
