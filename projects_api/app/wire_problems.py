"""What is refused on the wire, before any application sees it."""

from projects_api.contract.problems import Problem


class MalformedRequest(Problem):
    """What came is not HTTP/1.1."""

    status = 400
    slug = "malformed-request"
    title = "The request is not valid HTTP"


class TargetTooLong(Problem):
    """The request line has no end within the limit of a head."""

    status = 414
    slug = "target-too-long"
    title = "The target of the request is too long"


class HeadTooLarge(Problem):
    """The head, what stands between two chunks, or the trailer goes on beyond the limit."""

    status = 431
    slug = "head-too-large"
    title = "The head of the request is too large"


class HeadTimeout(Problem):
    """The head did not arrive in time."""

    status = 408
    slug = "head-timeout"
    title = "The head of the request took too long"


class BodyTimeout(Problem):
    """The body arrives too slowly, or not at all."""

    status = 408
    slug = "body-timeout"
    title = "The body of the request took too long"


class TooManyConnections(Problem):
    """The server, or the caller's share of it, has no connection left."""

    status = 503
    slug = "too-many-connections"
    title = "There are too many connections"
    detail = "Close connections that you do not use, or repeat the request later."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class CodingNotImplemented(Problem):
    """The body is framed by more than chunks."""

    status = 501
    slug = "coding-not-implemented"
    title = "The transfer coding is not known here"
    detail = "Send the body with a Content-Length, or with `Transfer-Encoding: chunked` alone."


class CrossOriginRefused(Problem):
    """A page of another origin asks a browser to send what it may not."""

    status = 400
    slug = "cross-origin-refused"
    title = "The page may not send this request"
