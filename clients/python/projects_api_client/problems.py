"""What is raised where a call does not end as its caller hoped."""

from typing import Any, NamedTuple, Self

import httpx

_PREFIX = "urn:projects-api:problem:"


class ProblemFault(NamedTuple):
    """Where a request breaks the contract, and how."""

    pointer: str
    message: str


class ProblemError(Exception):
    """An answer that is no success (RFC 9457).

    `type` is stable and for programs, and `kind` its last part, such as `last-owner`; `detail`
    tells a person what to do; `request_id` is how the server's operator finds the request.
    """

    def __init__(self, status: int, document: dict[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.type = str(document.get("type", "about:blank"))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))
        self.request_id = str(document.get("request_id", ""))
        self.errors = [
            ProblemFault(str(one.get("pointer", "")), str(one.get("message", "")))
            for one in document.get("errors", ())
        ]
        self.retry_after = retry_after
        """The seconds after which the server asks to be asked again, if it does."""
        super().__init__(status, self.type, self.detail)

    @property
    def kind(self) -> str:
        """The last part of the type; empty where a proxy answered instead of the server."""
        return self.type.removeprefix(_PREFIX) if self.type.startswith(_PREFIX) else ""

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        """Read an answer, which may be a page of a proxy that knows nothing of problems."""
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            document = {"title": answer.reason_phrase, "detail": answer.text[:1000]}
        document.setdefault("request_id", answer.headers.get("X-Request-Id", ""))
        return cls(answer.status_code, document, seconds_in(answer))

    def __str__(self) -> str:
        asked = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.kind or self.title}: {self.detail}{asked}"


class DownloadDamaged(Exception):
    """A file came that is not the one that the server has by its SHA-256; nothing was kept."""


def seconds_in(answer: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`, which this server never writes as a date."""
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else None
