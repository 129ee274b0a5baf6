"""How requests are sent: with a key, again where that can help, and as files."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

from projects_api_client.files import Counted, FileSource, PartialFile, Progress
from projects_api_client.problems import DownloadDamaged, ProblemError, seconds_in
from projects_api_client.retries import Retries, can_help

Answer = TypeVar("Answer")
Fields = Mapping[str, Any]

_PARTIAL, _RANGE_NOT_SATISFIABLE = 206, 416
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an operation; what is None is left out."""

    method: str
    path: str
    query: Fields = field(default_factory=dict)
    json: Fields | None = None
    form: Fields | None = None
    file: FileSource | None = None
    file_name: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    on_progress: Progress | None = None

    @property
    def is_repeatable(self) -> bool:
        """Return whether the work is done once, however often the request is sent."""
        return self.method in _REPEATABLE or bool(self.headers.get("Idempotency-Key"))


class Transport:
    """A connection to a server, for the owner of a key; close it, or use it in `with`."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 60.0,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """Call the server at `base_url` with a key.

        `timeout` is the seconds that any step of a request may take. A client of httpx that you
        give, for a proxy or certificates of your own, is closed with this one.
        """
        self._base_url = base_url.rstrip("/")
        if not api_key.isascii():
            raise ValueError("the API key has letters that no key has: copy it once more")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._retries = retries or Retries()
        self._timeout = timeout
        self._http = http or httpx.Client()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, _kind: type[Answer], request: Request) -> Answer:
        """Send a request, again where that can help, and give what the answer holds."""
        answer = self._repeated(request, lambda: self._sent(request))
        return cast("Answer", answer.json())

    def _pages(self, call: Callable[[int], Any], member: str) -> Iterator[Any]:
        """Yield the items of all pages; `call` gets the page that begins at an offset."""
        offset = 0
        while True:
            page = call(offset)
            yield from page[member]
            offset += len(page[member])
            if not page[member] or offset >= page["total"]:
                return

    def _download(self, request: Request, target: Path) -> Path:
        """Fetch a file, go on where it broke off, and put it in its place once it is whole."""
        part = PartialFile(target)
        self._repeated(request, lambda: self._fetched(request, part))
        part.finish()
        return target

    def _repeated(self, request: Request, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        waited = 0.0
        for number in range(1, self._retries.attempts + 1):
            failure: Exception
            try:
                answer = attempt()
            except httpx.TransportError as error:
                failure, is_hopeful, after = error, request.is_repeatable, None
            else:
                if answer.is_success:
                    return answer
                failure, after = ProblemError.of(answer), seconds_in(answer)
                is_hopeful = can_help(
                    answer.status_code, is_repeatable=request.is_repeatable, retry_after=after
                )
            pause = self._retries.pause(number, waited, after) if is_hopeful else None
            if pause is None:
                raise failure
            time.sleep(pause)
            waited += pause
        raise ValueError("one attempt is the least: Retries(attempts=1)")

    def _sent(self, request: Request) -> httpx.Response:
        if request.file is None:
            return self._http.send(self._prepared(request))
        file = Counted(request.file, request.on_progress)
        try:
            return self._http.send(self._prepared(request, files={"file": (_name(request), file)}))
        finally:
            file.close()

    def _fetched(self, request: Request, part: PartialFile) -> httpx.Response:
        # An encoding on the way would make the bytes of a range others.
        headers = {"Accept-Encoding": "identity"}
        if tag := part.tag:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": tag}
        prepared = self._prepared(request, headers)
        answer = self._http.send(prepared, stream=True)
        try:
            if tag and answer.status_code == _RANGE_NOT_SATISFIABLE:
                # There is no rest: it is whole already, or not a part of this file.
                part.discard()
                answer.close()
                return self._fetched(request, part)
            if not answer.is_success:
                answer.read()
                return answer
            if answer.status_code != _PARTIAL:
                part.begin(answer.headers.get("ETag", ""))
            _write(answer, part, request.on_progress)
        finally:
            answer.close()
        if not part.is_whole(answer.headers.get("ETag", "")):
            part.discard()
            raise DownloadDamaged(f"What came of {request.path} is not what the server has")
        return answer

    def _prepared(
        self, request: Request, headers: Mapping[str, str] | None = None, **others: Any
    ) -> httpx.Request:
        return self._http.build_request(
            request.method,
            f"{self._base_url}{request.path}",
            params=_given(request.query),
            json=None if request.json is None else _given(request.json),
            data=None if request.form is None else _form(request.form),
            headers=self._headers | _given(request.headers) | dict(headers or {}),
            timeout=self._timeout,
            **others,
        )


def segment(value: str | UUID) -> str:
    """Write a value as one segment of a path."""
    return quote(str(value), safe="")


def fresh(key: str | None) -> str:
    """Return a key for a call that may be repeated: the caller's, or a new one."""
    return key or str(uuid4())


def _name(request: Request) -> str:
    if request.file_name:
        return request.file_name
    return request.file.name if isinstance(request.file, Path) else "file"


def _write(answer: httpx.Response, part: PartialFile, on_progress: Progress | None) -> None:
    with part.path.open("ab") as file:
        begun = file.tell()
        length = answer.headers.get("Content-Length")
        total = begun + int(length) if length else None
        for piece in answer.iter_bytes():
            file.write(piece)
            if on_progress:
                on_progress(file.tell(), total)


def _given(fields: Fields) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in fields.items()
        if value is not None
    }


def _form(fields: Fields) -> dict[str, Any]:
    # In a form everything is text.
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in _given(fields).items()
    }
