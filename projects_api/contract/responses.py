"""Responses: what a handler returned, checked against the contract and written."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from projects_api.contract.checker import Checker
from projects_api.contract.conditional import entity_tag
from projects_api.contract.problems import InternalError
from projects_api.files.names import content_disposition

JSON = "application/json"
RETRY_SECONDS = 2
"""After so long, it is worth to ask again how far something is."""
_BODY = "$response.body#/"


@dataclass(slots=True)
class File:
    """A file that a handler answers with; `chunks` is read after the transaction has ended."""

    chunks: Iterator[bytes]
    media_type: str
    name: str
    finish: Callable[[], None]
    """Called once, when the file has been sent or cannot be."""
    size: int | None = None
    sha256: str | None = None
    """Of all its bytes, which then are always the same; it is the entity tag."""


@dataclass(slots=True)
class Answer:
    """An answer that is ready to be sent."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    file: File | None = None
    unfinished: str | None = None
    """What it tells of that has not ended yet, by its id."""


class Responses:
    """The responses that the contract declares for an operation."""

    def __init__(self, contract: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
        (success,) = (status for status in declared if str(status).startswith("2"))
        response = declared[success]
        content: Mapping[str, Any] = response["content"]
        self.status = int(success)
        self._checker = Checker(content[JSON]["schema"]) if JSON in content else None
        self._media_types = frozenset(content)
        self._tag_of = _compile_tag(response)
        self._location = _compile_location(contract, response)
        self._unfinished = _compile_unfinished(response)

    @property
    def sends_file(self) -> bool:
        """Return whether a success is a file."""
        return self._checker is None

    @property
    def is_tagged(self) -> bool:
        """Return whether a success has an entity tag."""
        return self._tag_of is not None

    def write(self, result: Any) -> Answer:
        """Check what a handler returned and write it; raises `InternalError` on a breach."""
        if isinstance(result, File):
            return self._write_file(result)
        if self._checker is None or not self._checker.accepts(result):
            faults = self._checker.faults(result, "response") if self._checker else []
            raise InternalError(faults=faults)
        headers = {"content-type": JSON}
        if self._tag_of:
            headers["etag"] = entity_tag(self._tag_of(result))
        if self._location:
            headers["location"] = self._location(result)
        answer = Answer(self.status, headers, orjson.dumps(result))
        if self._unfinished:
            is_open, answer.unfinished = self._unfinished(result)
            if is_open:
                headers["retry-after"] = str(RETRY_SECONDS)
        return answer

    def _write_file(self, file: File) -> Answer:
        if file.media_type not in self._media_types:
            raise InternalError(media_type=file.media_type)
        headers = {
            "content-type": file.media_type,
            "content-disposition": content_disposition(file.name),
        }
        if file.size is not None:
            headers["content-length"] = str(file.size)
        if file.size is not None and file.sha256:
            headers |= {"etag": f'"{file.sha256}"', "accept-ranges": "bytes"}
        else:
            headers["accept-ranges"] = "none"
        return Answer(self.status, headers, file=file)


def _compile_tag(response: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any] | None:
    """Compile what an `ETag` is of: the member that its `x-tag-of` names, or the whole body."""
    header = response.get("headers", {}).get("ETag")
    if header is None:
        return None
    member: str | None = header.get("x-tag-of")
    return (lambda body: body[member]) if member else lambda body: body


def _compile_unfinished(
    response: Mapping[str, Any],
) -> Callable[[Mapping[str, Any]], tuple[bool, str | None]] | None:
    """Compile `x-unfinished`: whether an answer tells of what has not ended yet, and its id.

    Its `id` and `status` are pointers into the body, and `while` lists the statuses of what is
    unfinished. Without a `status`, it always is.
    """
    declared = response.get("x-unfinished")
    if declared is None:
        return None
    find_id = _compile_pointer(declared["id"])
    if "status" not in declared:
        return lambda body: (True, find_id(body))
    find_status, statuses = _compile_pointer(declared["status"]), frozenset(declared["while"])

    def unfinished(body: Mapping[str, Any]) -> tuple[bool, str | None]:
        return (True, find_id(body)) if find_status(body) in statuses else (False, None)

    return unfinished


def _compile_pointer(pointer: str) -> Callable[[Any], Any]:
    names = pointer.removeprefix("/").split("/")

    def find(body: Any) -> Any:
        for name in names:
            body = body[name]
        return body

    return find


def _compile_location(
    contract: Mapping[str, Any], response: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], str] | None:
    """Compile the `Location` of what was created: the first link to its own GET operation."""
    if "Location" not in response.get("headers", {}):
        return None
    paths = {
        item["get"]["operationId"]: path
        for path, item in contract["paths"].items()
        if "get" in item
    }
    for link in response["links"].values():
        if path := paths.get(link.get("operationId")):
            fields = {
                name: expression.removeprefix(_BODY)
                for name, expression in link.get("parameters", {}).items()
                if expression.startswith(_BODY)
            }
            if set(re.findall(r"\{(\w+)\}", path)) == set(fields):
                return lambda body: path.format(
                    **{name: body[pointer] for name, pointer in fields.items()}
                )
    raise ValueError("A response with a Location header needs a link to what was created")
