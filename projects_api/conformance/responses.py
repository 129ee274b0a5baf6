"""Responses, of every status: headers, media type and body, judged by compiled schemas."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from projects_api.conformance.exchange import Exchange, decode_content, header
from projects_api.conformance.verdict import RESPONSE, Fault, Verdict
from projects_api.contract.checker import Checker
from projects_api.contract.json_text import parse_json
from projects_api.contract.parameters import Parameter
from projects_api.contract.problems import NotJson, Problem

_PARTIAL = 206
_CONDITIONAL = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since")
_OF_HTTP = {
    _PARTIAL: (b"range",),
    304: _CONDITIONAL,
    412: _CONDITIONAL,
    416: (b"range",),
}
"""Statuses that any operation may answer to requests with such a header (RFC 9110)."""
_OF_ANY_REQUEST = frozenset({408, 414, 431, 501, 505})
"""Statuses that servers give to requests which they do not read to the end, or do not know."""


class ResponseJudge:
    """What the contract says of the responses of an operation."""

    def __init__(self, responses: Mapping[Any, Mapping[str, Any]]) -> None:
        self._declared = {
            str(status).upper(): DeclaredResponse(response)
            for status, response in responses.items()
        }
        self._success = next(
            (one for status, one in self._declared.items() if status.startswith("2")), None
        )

    def add_faults(self, exchange: Exchange, verdict: Verdict) -> None:
        """Say what of a response breaks the contract, and what cannot be judged."""
        status = str(exchange.status)
        declared = (
            self._declared.get(status)
            or self._declared.get(f"{status[0]}XX")
            or self._declared.get("DEFAULT")
        )
        if declared:
            declared.add_faults(exchange, verdict)
        elif not _is_of_http(exchange):
            message = f"{status} is not declared; declared are {', '.join(self._declared)}"
            verdict.faults.append(Fault(RESPONSE, "status", "", message))
        elif exchange.status == _PARTIAL and self._success:
            verdict.faults += self._success.media_type_faults(exchange)


def _is_of_http(exchange: Exchange) -> bool:
    if exchange.status in _OF_ANY_REQUEST:
        return True
    asked_by = _OF_HTTP.get(exchange.status, ())
    return any(header(exchange.headers, name) is not None for name in asked_by)


class DeclaredResponse:
    """A response that the contract declares: its headers and its contents by media type."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        self._headers = [
            # They are decoded and checked as a parameter in a header is.
            Parameter.from_contract({"in": "header", "name": name, **declared})
            for name, declared in response.get("headers", {}).items()
            if name.lower() != "content-type"
        ]
        self._content = {
            media_type.lower(): Checker(media["schema"])
            if is_json(media_type) and "schema" in media
            else None
            for media_type, media in response.get("content", {}).items()
        }

    def add_faults(self, exchange: Exchange, verdict: Verdict) -> None:
        """Judge a response; its body only where its media type is declared."""
        verdict.faults += self._header_faults(exchange)
        wrong_type = self.media_type_faults(exchange)
        verdict.faults += wrong_type
        if exchange.method == "HEAD" or wrong_type or not self._content:
            return
        media_type = media_type_of(exchange)
        checker = self._checker_of(media_type)
        if checker is None:
            return
        encoding = header(exchange.answer_headers, b"content-encoding") or ""
        content, unknown = decode_content(exchange.answer, encoding)
        if unknown:
            verdict.not_judged.append(f"the body of the response {unknown}")
            return
        verdict.faults += _json_faults(content, checker)

    def media_type_faults(self, exchange: Exchange) -> list[Fault]:
        """Say whether a response has a media type that is not declared, or lacks one."""
        if not self._content:
            return []
        media_type = media_type_of(exchange)
        if any(fnmatchcase(media_type, declared) for declared in self._content):
            return []
        told = media_type[:100] or "missing"
        message = f"is {told}; declared are {', '.join(self._content)}"
        return [Fault(RESPONSE, "header", "/content-type", message)]

    def _checker_of(self, media_type: str) -> Checker | None:
        exact = self._content.get(media_type)
        if exact or media_type in self._content:
            return exact
        return next(one for name, one in self._content.items() if fnmatchcase(media_type, name))

    def _header_faults(self, exchange: Exchange) -> Iterator[Fault]:
        for declared in self._headers:
            text = header(exchange.answer_headers, declared.name.encode())
            if text is None:
                if declared.required:
                    yield Fault(RESPONSE, "header", f"/{declared.name}", "is required")
                continue
            if declared.name.encode() in exchange.masked:
                continue
            for fault in declared.check.faults(declared.decode(text), "header", declared.name):
                yield Fault(RESPONSE, "header", fault["pointer"], fault["message"])


def media_type_of(exchange: Exchange) -> str:
    """Return the media type of a response, without parameters."""
    found = header(exchange.answer_headers, b"content-type") or ""
    return found.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Return whether a media type is one of JSON texts."""
    name = media_type.lower()
    return name == "application/json" or name.endswith("+json")


def _json_faults(content: bytes, checker: Checker) -> list[Fault]:
    try:
        value = parse_json(content)
    except NotJson:
        return [Fault(RESPONSE, "body", "", "is no JSON text in UTF-8")]
    except Problem as problem:
        return [Fault(RESPONSE, "body", "", problem.detail)]
    if checker.accepts(value):
        return []
    return [
        Fault(RESPONSE, "body", one["pointer"], one["message"])
        for one in checker.faults(value, "body")
    ]
