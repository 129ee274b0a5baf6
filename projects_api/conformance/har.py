"""Recordings: HAR 1.2, written while exchanges come, and read from whoever wrote it."""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from projects_api.conformance.exchange import MOST_BODY_BYTES, Body, Exchange, Headers, header

REDACTED = "[redacted]"
MOST_FILE_BYTES = 1024 * 1024 * 1024
"""Bytes of a recording that is read, and after which no more exchanges are written to one."""
_SECRET_HEADERS = frozenset(
    {"cookie", "set-cookie", "proxy-authorization", "x-api-key", "x-auth-token"}
)
_KEY = re.compile(r"\bpak_[A-Za-z0-9_-]+")
"""An API key of this server, wherever it stands."""
_SCHEME = re.compile(r"^(\w+ +)?.*$", re.DOTALL)


_MASK = re.compile(r"\W*(filtered|redacted|masked|removed|hidden|secret|x+)?\W*", re.IGNORECASE)


class NotARecording(ValueError):
    """A file is no HAR."""


class HarWriter:
    """Writes a file of exchanges, one after the other; nothing of them stays in memory."""

    def __init__(self, path: Path, base_url: str) -> None:
        """Take the file, and the address below which the contract's paths begin."""
        self._path = path
        self._base_url = base_url.rstrip("/")
        self._count = self._size = 0
        self.left_out = 0
        """Exchanges for which the file had no room."""

    def __enter__(self) -> Self:
        self._file = os.fdopen(
            os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        )
        if self._path.is_file():
            os.fchmod(self._file.fileno(), 0o600)  # of a file that was there before
        creator = {"name": "projects-api check", "version": version("projects-api")}
        head = orjson.dumps({"version": "1.2", "creator": creator})
        self._file.write(b'{"log":' + head[:-1] + b',"entries":[\n')
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._file.write(b"\n]}}\n")
        self._file.close()

    def write(self, exchange: Exchange) -> None:
        """Write an exchange; keys are not in it."""
        text = orjson.dumps(_entry(exchange, self._base_url))
        if self._size + len(text) > MOST_FILE_BYTES:
            self.left_out += 1
            return
        self._file.write((b",\n" if self._count else b"") + text)
        self._size += len(text)
        self._count += 1


def read_har(content: bytes, base_url: str = "") -> Iterator[Exchange]:
    """Read the exchanges of a recording, those below `base_url` alone where it is given.

    Raises NotARecording. Where no request shows a key, keys are taken for left out.
    """
    try:
        entries = orjson.loads(content)["log"]["entries"]
        with_keys = any(
            one["name"].lower() == "authorization" and not is_masked(one["value"])
            for entry in entries
            for one in entry["request"]["headers"]
        )
        base = urlsplit(base_url.rstrip("/"))
        for entry in entries:
            address = urlsplit(entry["request"]["url"])
            is_elsewhere = (address.scheme, address.netloc) != (base.scheme, base.netloc)
            if base_url and (is_elsewhere or not address.path.startswith(base.path)):
                continue
            path = address.path.removeprefix(base.path)
            target = path + (f"?{address.query}" if address.query else "")
            origin = f"{address.scheme}://{address.netloc}"
            yield _exchange(entry, target, origin, with_keys=with_keys)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotARecording(
            "it is no HAR 1.2 with `log`, `entries`, and requests in them"
        ) from error


def is_masked(value: str) -> bool:
    """Return whether a recorder wrote a word, or stars, in the place of a secret."""
    return len(value) > 2 and _MASK.fullmatch(value) is not None  # noqa: PLR2004


def _exchange(entry: Mapping[str, Any], target: str, origin: str, *, with_keys: bool) -> Exchange:
    request, response = entry["request"], entry["response"]
    headers, answer_headers = _pairs(request["headers"]), _pairs(response["headers"])
    if not with_keys:
        headers = [pair for pair in headers if pair[0] != b"authorization"]
    # What is recorded has been decompressed.
    answer_headers = [pair for pair in answer_headers if pair[0] != b"content-encoding"]
    status = int(response["status"])
    return Exchange(
        request["method"].upper(),
        target,
        headers,
        _request_body(request, headers),
        status,
        answer_headers,
        _response_body(response),
        failure="" if status else "the recording has no answer",
        origin=origin,
        masked=frozenset(
            name for name, value in answer_headers if is_masked(value.decode("latin-1"))
        ),
        keys_were_recorded=with_keys,
    )


def _request_body(request: Mapping[str, Any], headers: Headers) -> Body:
    posted = request.get("postData") or {}
    if posted.get("text"):
        return _body(posted["text"], posted.get("encoding") or posted.get("_encoding"))
    announced = header(headers, b"content-length") or "0"
    if posted or announced != "0" or header(headers, b"transfer-encoding"):
        return Body(unknown=posted.get("comment") or _NOT_RECORDED)
    return Body()


_NOT_RECORDED = "is not in the recording"


def _response_body(response: Mapping[str, Any]) -> Body:
    content = response.get("content") or {}
    if content.get("text"):
        return _body(content["text"], content.get("encoding"))
    announced = header(_pairs(response["headers"]), b"content-length")
    if announced == "0" or (content.get("size") == 0 and not announced):
        return Body()
    return Body(unknown=content.get("comment") or _NOT_RECORDED)


def _body(text: str, encoding: str | None) -> Body:
    content = b64decode(text, validate=True) if encoding == "base64" else text.encode()
    if len(content) > MOST_BODY_BYTES:
        return Body(size=len(content), unknown=f"has more than {MOST_BODY_BYTES} bytes")
    return Body(bytearray(content), len(content))


def _pairs(headers: list[dict[str, str]]) -> Headers:
    # HTTP/2 has parts of its first line among them.
    return [
        (one["name"].lower().encode("latin-1"), one["value"].encode("latin-1", "replace"))
        for one in headers
        if not one["name"].startswith(":")
    ]


def _entry(exchange: Exchange, base_url: str) -> dict[str, Any]:
    target = _KEY.sub(REDACTED, exchange.target)
    moment = datetime.fromtimestamp(exchange.began, UTC).isoformat(timespec="milliseconds")
    milliseconds = round(exchange.seconds * 1000, 3)
    return {
        "startedDateTime": moment.replace("+00:00", "Z"),
        "time": milliseconds,
        "request": {
            "method": exchange.method,
            "url": base_url + target,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _shown(exchange.headers),
            "queryString": [
                {"name": name, "value": value}
                for name, value in parse_qsl(target.partition("?")[2], keep_blank_values=True)
            ],
            "headersSize": -1,
            "bodySize": exchange.body.size,
            **_post_data(exchange),
        },
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
    }


def _post_data(exchange: Exchange) -> dict[str, Any]:
    if not exchange.body.size:
        return {}
    media_type = header(exchange.headers, b"content-type") or ""
    return {"postData": {"mimeType": media_type, **_text_of(exchange.body)}}


def _response(exchange: Exchange) -> dict[str, Any]:
    status = 0 if exchange.failure else exchange.status
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    media_type = header(exchange.answer_headers, b"content-type") or ""
    about: dict[str, Any] = {"size": exchange.answer.size, "mimeType": media_type}
    return {
        "status": status,
        "statusText": phrase,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _shown(exchange.answer_headers),
        "content": {**about, **_text_of(exchange.answer)},
        "redirectURL": header(exchange.answer_headers, b"location") or "",
        "headersSize": -1,
        "bodySize": exchange.answer.size,
    }


def _text_of(body: Body) -> dict[str, str]:
    if body.unknown:
        return {"text": "", "comment": body.unknown}
    try:
        return {"text": _KEY.sub(REDACTED, body.content.decode())}
    except UnicodeDecodeError:
        return {"text": b64encode(body.content).decode(), "encoding": "base64"}


def _shown(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": _shown_value(name, value)} for name, value in _texts(headers)]


def _texts(headers: Headers) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield name.decode("latin-1"), value.decode("latin-1")


def _shown_value(name: str, value: str) -> str:
    if name == "authorization":
        # Whether it is a bearer token is judged, too.
        return _SCHEME.sub(rf"\g<1>{REDACTED}", value, count=1)
    return REDACTED if name in _SECRET_HEADERS else _KEY.sub(REDACTED, value)
