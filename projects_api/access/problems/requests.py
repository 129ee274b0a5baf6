"""Problems of requests as such, whatever they are about."""

from projects_api.contract import Problem


class RequestRunning(Problem):
    """A request with the same idempotency key has not ended yet."""

    status = 409
    slug = "request-running"
    title = "The same request is still running"
    detail = "A request with this Idempotency-Key is still running. Repeat it in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class PreconditionFailed(Problem):
    """The resource changed since the caller read it."""

    status = 412
    slug = "precondition-failed"
    title = "The project has changed"
    detail = "The project is not the one that If-Match names. Get it again, then repeat the change."


class IdempotencyKeyReused(Problem):
    """The key was used for another request."""

    status = 422
    slug = "idempotency-key-reused"
    title = "The Idempotency-Key belongs to another request"
    detail = (
        "This Idempotency-Key was sent with another request in the last 24 hours. Use a new one."
    )


class RateLimited(Problem):
    """The caller sends more requests than the server's setting allows."""

    status = 429
    slug = "rate-limited"
    title = "Too many requests"


class TooManyAtOnce(Problem):
    """The caller has as many requests that take long waiting as a person may have."""

    status = 429
    slug = "too-many-at-once"
    title = "Too many requests at once"
    detail = (
        "As many of your requests that take long are being answered, or wait, as one person may "
        "have. Send fewer at a time."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Unavailable(Problem):
    """The database or the artifact store cannot be reached."""

    status = 503
    slug = "unavailable"
    title = "The server is not ready"
    detail = "The database or the artifact store does not answer. Repeat the request later."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "5"})


class DiskFull(Unavailable):
    """The disk of the database or of the artifact store has no room."""

    detail = (
        "The disk of the database or of the artifact store is full, or takes no writes, so that "
        "the request was undone. Have the server's operator make room, then repeat it."
    )


class ContentLost(Unavailable):
    """The artifact store answers, and does not hold the file as it was stored."""

    detail = (
        "The file that this needs is missing or damaged in the artifact store. Where it was "
        "uploaded, upload the same file again, which repairs it; or have the server's operator "
        "restore it from a backup."
    )
