"""Errors as problems (RFC 9457): one class a case, each with its status and its stable type."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that ends otherwise than its caller hoped; the detail tells what to do."""

    status: ClassVar[int]
    slug: ClassVar[str]
    title: ClassVar[str]
    of_http: ClassVar[bool] = False
    """Whether any operation may answer it, as HTTP has it, and so none declares it."""
    detail: str = ""

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.errors = errors
        self.headers = dict(headers or {})

    def as_document(self, realm: str, request_id: str | None = None) -> dict[str, Any]:
        """Return the members of the problem document; `realm` is whose problem it is."""
        document: dict[str, Any] = {
            "type": f"urn:{realm}:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if request_id:
            document["request_id"] = request_id
        if self.errors:
            document["errors"] = list(self.errors)
        return document


class MalformedBody(Problem):
    """The body is not what its media type says."""

    status = 400
    slug = "malformed-body"
    title = "The body cannot be read"


class NotJson(MalformedBody):
    """The body is no JSON text."""

    slug = "not-json"
    title = "The body is not JSON"


class Unauthenticated(Problem):
    """No key, or one that is not known, expired or revoked."""

    status = 401
    slug = "unauthenticated"
    title = "Authentication is needed"
    detail = "Send a valid API key in the header `Authorization: Bearer <API key>`."


class NotFound(Problem):
    """Nothing is there."""

    status = 404
    slug = "not-found"
    title = "Nothing is here"
    detail = "No operation has this path."


class MethodNotAllowed(Problem):
    """The path exists, but not with this method."""

    status = 405
    slug = "method-not-allowed"
    title = "The method is not allowed here"


class ConditionUnmet(Problem):
    """A precondition of the request does not hold, where the contract names none."""

    status = 412
    slug = "condition-unmet"
    title = "A condition of the request does not hold"
    of_http = True


class TooLarge(Problem):
    """The body is above the limit."""

    status = 413
    slug = "too-large"
    title = "The body is too large"


class TooManyLargeBodies(Problem):
    """As many large bodies are held in memory as may be."""

    status = 503
    slug = "too-many-large-bodies"
    title = "Too many large bodies at once"
    detail = (
        "As many large bodies are being answered as the server holds at once, of you or in all. "
        "Repeat the request later, or send at most 1 MiB."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class UnsupportedMediaType(Problem):
    """The body has a media type that the operation does not take."""

    status = 415
    slug = "unsupported-media-type"
    title = "The media type is not supported"


class ContractViolation(Problem):
    """The request breaks the contract."""

    status = 422
    slug = "contract-violation"
    title = "The request breaks the contract"


class MethodNotImplemented(Problem):
    """No path has this method, and HTTP has none of this name that one could have."""

    status = 501
    slug = "method-not-implemented"
    title = "The method is not known here"
    detail = "Send GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."


class InternalError(Problem):
    """A bug of ours; `breach` is what of an answer breaks the contract, for the log."""

    status = 500
    slug = "internal-error"
    title = "The server failed"
    detail = "The server failed, and changed nothing. Tell its operator the request_id."

    def __init__(self, detail: str | None = None, **breach: Any) -> None:
        super().__init__(detail)
        self.breach = breach
