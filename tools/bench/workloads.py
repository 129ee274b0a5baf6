"""What is asked of the servers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tools.bench.seed import Facts

UPLOAD_BYTES = 10**7
UNIQUE = "@" * 16
"""Stands for a number that no other request has; `load.lua` puts it in."""
BOUNDARY = "benchmark-boundary"


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"

    def unique(self, number: int) -> bytes | None:
        """Return the body with a number in its place."""
        return self.body and self.body.replace(UNIQUE.encode(), f"{number:016d}".encode())


@dataclass(frozen=True)
class Workload:
    """Requests that are sent in turn, over so many connections."""

    name: str
    title: str
    requests: Sequence[Request] = field(repr=False)
    connections: int = 16
    moves_file: bool = False
    bytes_each: int = 0
    """Bytes of an answer, where requests are counted by them: few end within a measurement."""

    @property
    def reads(self) -> bool:
        """Return whether the requests change nothing."""
        return self.requests[0].method == "GET"


def workloads(facts: Facts) -> list[Workload]:
    """Return all workloads, those first that change nothing."""
    projects = [f"/api/projects/{one}" for one in facts.projects]
    new = b'{"name": "Churn %b", "description": "Telco customer churn"}' % UNIQUE.encode()
    update = b'{"name": "Churn Prediction", "description": "Telco customer churn"}'
    return [
        Workload("get", "get a project", [Request("GET", path) for path in projects]),
        listing("list_10", "list 10", "limit=10"),
        listing(
            "list_50", "list 50 by count", "limit=50&sort_field=dataset_count&sort_direction=desc"
        ),
        listing("search", "search", f"search={quote('fraud')}"),
        Workload(
            "timeline",
            "timeline of 200 events",
            [Request("GET", f"/api/projects/{facts.timeline}/timeline")],
        ),
        Workload(
            "export",
            "export of 100 MB",
            [Request("GET", f"/api/projects/{facts.export}/export")],
            connections=2,
            moves_file=True,
            bytes_each=facts.export_bytes,
        ),
        Workload("update", "update", [Request("PUT", path, update) for path in projects]),
        Workload(
            "member_add",
            "add a member",
            [
                # Another role in each round, so that there is always something to write.
                Request(
                    "POST", f"{path}/members", f'{{"email": "{email}", "role": "{role}"}}'.encode()
                )
                for role in ("editor", "viewer")
                for path, email in zip(projects, facts.emails, strict=False)
            ],
        ),
        Workload("create", "create", [Request("POST", "/api/projects", new)]),
        Workload(
            "upload",
            "upload of 10 MB",
            [_upload(facts.projects[-1])],
            connections=2,
            moves_file=True,
        ),
    ]


def listing(name: str, title: str, query: str) -> Workload:
    """Make a workload of one query."""
    return Workload(name, title, [Request("GET", f"/api/projects?{query}")])


def write_requests(workload: Workload, folder: Path) -> Path:
    """Write the requests as `load.lua` reads them, unless the folder has them already."""
    path = folder / f"{workload.name}.requests"
    if path.exists():
        return path
    lines = []
    for number, request in enumerate(workload.requests):
        body = Path("-")
        if request.body is not None:
            body = folder / f"{workload.name}.{number}.body"
            body.write_bytes(request.body)
        content_type = request.content_type if request.body else "-"
        lines.append(f"{request.method}\t{request.path}\t{content_type}\t{body}\n")
    path.write_text("".join(lines))
    return path


def _upload(project_id: str) -> Request:
    """Make a form with a CSV file that is another one each time."""
    line = "0123456789012345,12.5,some text of a usual length,2026-02-10T09:00:00Z\n"
    head = f"id,amount,note,at\n{UNIQUE},12.5,unique,2026-02-10T09:00:00Z\n"
    table = head + line * (UPLOAD_BYTES // len(line))
    fields = {"project_id": project_id, "name": "table.csv"}
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    disposition = 'Content-Disposition: form-data; name="file"; filename="table.csv"'
    parts.append(f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: text/csv\r\n\r\n{table}\r\n")
    parts.append(f"--{BOUNDARY}--\r\n")
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return Request("POST", "/api/datasets/upload", "".join(parts).encode(), content_type)
