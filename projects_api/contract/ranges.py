"""Parts of files (RFC 9110, section 14), so that a download that broke off goes on."""

import re
from collections.abc import Generator, Iterator
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.types import Scope

from projects_api.contract.problems import Problem
from projects_api.contract.responses import Answer, File

_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.IGNORECASE)


class RangeNotSatisfiable(Problem):
    """The file ends before the range begins."""

    status = 416
    slug = "range-not-satisfiable"
    title = "The range is not within the file"
    of_http = True


def part_of(answer: Answer, scope: Scope) -> Answer:
    """Return an answer, or the part of it that a GET asks for; raises `RangeNotSatisfiable`.

    Several ranges, and what is none, are passed over, as is a range of a file that has changed.
    """
    file, tag = answer.file, answer.headers.get("etag")
    if not file or file.size is None or not tag or scope["method"] != "GET":
        return answer
    headers = Headers(scope=scope)
    asked = _RANGE.fullmatch(headers.get("range", ""))
    if not asked or headers.get("if-range", tag) != tag or not any(asked.groups()):
        return answer
    first, last = _bounds(asked[1], asked[2], file.size)
    if last < first and asked[1] and asked[2] and int(asked[2]) < int(asked[1]):
        return answer
    if last < first:
        raise RangeNotSatisfiable(
            f"The file has {file.size} bytes. Ask for a range within them, or for all of it.",
            headers={"Content-Range": f"bytes */{file.size}"},
        )
    return Answer(
        206,
        {
            **answer.headers,
            "content-length": str(last - first + 1),
            "content-range": f"bytes {first}-{last}/{file.size}",
        },
        file=_cut(file, first, last),
    )


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _cut(file: File, first: int, last: int) -> File:
    return replace(file, chunks=_bytes(file.chunks, first, last + 1))


def _bytes(chunks: Iterator[bytes], begin: int, end: int) -> Iterator[bytes]:
    """Yield the bytes from `begin` to `end`; what is before them is read, too."""
    at = 0
    try:
        for chunk in chunks:
            piece = chunk[max(0, begin - at) : max(0, end - at)]
            at += len(chunk)
            if piece:
                yield piece
            if at >= end:
                return
    finally:
        if isinstance(chunks, Generator):
            chunks.close()
