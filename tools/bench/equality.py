"""Whether the servers give the same answers, asked before anything is timed."""

import hashlib
import io
import itertools
import json
import re
import zipfile
from collections.abc import Iterable
from typing import Any

import httpx

from tools.bench.servers import Server
from tools.bench.workloads import Request, Workload

ASKED = 5
"""Requests of a workload that are compared."""
VOLATILE = re.compile(r"(^|_)id$|_at$|^sha256$")
"""What differs between two answers that make something, each its own."""
# Above any number that `load.lua` begins with, which is the time in units of 10 microseconds.
_numbers = itertools.count(9 * 10**15)


class DifferentAnswerError(Exception):
    """Two servers answered a request differently."""


def check_equal(servers: Iterable[Server], workload: Workload, key: str) -> None:
    """Send some requests to each server and compare the answers with those of the first."""
    first, *others = servers
    for request in workload.requests[:ASKED]:
        expected = answer(first, request, workload, key)
        for other in others:
            if workload.moves_file and other.peer.name == "floor":
                continue  # It only copies bytes.
            found = answer(other, request, workload, key)
            if found != expected:
                raise DifferentAnswerError(
                    f"{request.method} {request.path}\n{first.peer.name}: {expected}\n"
                    f"{other.peer.name}: {found}"
                )


def answer(server: Server, request: Request, workload: Workload, key: str) -> tuple[int, Any]:
    """Return the status and the comparable content of an answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": request.content_type}
    response = httpx.request(
        request.method,
        server.url + request.path,
        # A name in a body may hold a number: the same for all, or nothing would be equal.
        content=request.unique(next(_numbers) if workload.moves_file else 0),
        headers=headers,
        timeout=120,
    )
    if response.is_error:
        return response.status_code, response.text
    if response.headers["content-type"].startswith("application/zip"):
        return response.status_code, _archive(response.content)
    content = response.json()
    return response.status_code, content if workload.reads else _lasting(content)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if VOLATILE.search(name) else _lasting(part) for name, part in value.items()
        }
    return [_lasting(part) for part in value] if isinstance(value, list) else value


def _archive(content: bytes) -> dict[str, Any]:
    """Return the manifest, and the digest of each file."""
    found: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            found[name] = hashlib.sha256(archive.read(name)).hexdigest()
        manifest = json.loads(archive.read("manifest.json"))
    return {**found, "manifest.json": {**manifest, "exported_at": ""}}
