"""A server that answers what the contract documents, and ten faults that are planted in it."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.contract.documented import OPERATIONS, REQUEST_ID, answer_of, response_of

KEY = "pak_secret-of-nobody"
PROJECT = "/api/projects/019c46c7-6a80-7b1e-9d3a-5f0c8e2a4b16"
TAG = '"2c26b46b68ffc68f"'


@dataclass
class Answer:
    """What the server is about to say."""

    status: int
    headers: dict[str, str]
    body: Any

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Plant:
    """A request, and what is wrong with its answer; `found` is the one fault that there is."""

    name: str
    operation: str
    spoil: Callable[[Answer], None]
    found: tuple[str, str, str]
    query: str = ""
    body: Any = None

    @property
    def method(self) -> str:
        return OPERATIONS[self.operation].path[-1].upper()

    @property
    def target(self) -> str:
        path = OPERATIONS[self.operation].path[-2]
        return path.replace("/api/projects/{project_id}", PROJECT) + self.query


def nothing(_answer: Answer) -> None:
    """Leave everything as it is documented."""


def status(number: int) -> Callable[[Answer], None]:
    return lambda answer: setattr(answer, "status", number)


def without_header(name: str) -> Callable[[Answer], None]:
    return lambda answer: answer.headers.pop(name)


def with_header(name: str, value: str) -> Callable[[Answer], None]:
    return lambda answer: answer.headers.update({name: value})


def at(*path: Any, value: Any = None) -> Callable[[Answer], None]:
    """Set a value of the body; None removes it."""

    def spoil(answer: Answer) -> None:
        inner = answer.body
        for part in path[:-1]:
            inner = inner[part]
        if value is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value

    return spoil


RESPONSE, REQUEST = "response", "request"
CREATE = {"name": "Churn"}
PLANTS = [
    Plant("wrong status", "create_project", status(200), (RESPONSE, "status", ""), body=CREATE),
    Plant("missing property", "get_project", at("project", "name"), (RESPONSE, "body", "/project")),
    Plant("wrong type", "list_projects", at("total", value="1"), (RESPONSE, "body", "/total")),
    Plant("additional property", "list_projects", at("more", value=1), (RESPONSE, "body", "")),
    Plant(
        "missing header",
        "list_projects",
        without_header("X-Request-Id"),
        (RESPONSE, "header", "/x-request-id"),
    ),
    Plant(
        "wrong content type",
        "list_projects",
        with_header("Content-Type", "text/plain"),
        (RESPONSE, "header", "/content-type"),
    ),
    Plant(
        "broken pattern",
        "get_project",
        with_header("ETag", "without quotes"),
        (RESPONSE, "header", "/etag"),
    ),
    Plant(
        "broken format",
        "list_projects",
        at("items", 0, "created_at", value="2026-02-30T09:00:00Z"),
        (RESPONSE, "body", "/items/0/created_at"),
    ),
    Plant("undeclared status", "list_members", status(418), (RESPONSE, "status", "")),
    Plant(
        "wrong enum",
        "list_projects",
        at("items", 0, "status", value="paused"),
        (RESPONSE, "body", "/items/0/status"),
    ),
    Plant(
        "broken request",
        "list_projects",
        nothing,
        (REQUEST, "query", "/limit"),
        query="?limit=-1",
    ),
]
SOUND = [
    Plant(f"sound {name}", name, nothing, ("", "", ""), body=body)
    for name, body in {
        "list_projects": None,
        "get_project": None,
        "list_members": None,
        "create_project": CREATE,
    }.items()
]


def documented_answer(operation: str) -> Answer:
    response = response_of(operation)
    headers = {"Content-Type": "application/json", "X-Request-Id": REQUEST_ID}
    if "headers" in response and "ETag" in response["headers"]:
        headers["ETag"] = TAG
    if "headers" in response and "Location" in response["headers"]:
        headers["Location"] = PROJECT
    return Answer(int(response.path[-1]), headers, copy.deepcopy(answer_of(operation)))


class PlantedServer:
    """An ASGI application in which `X-Plant` chooses what is wrong."""

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        planted = next(one for one in [*PLANTS, *SOUND] if one.name == headers[b"x-plant"].decode())
        answer = documented_answer(planted.operation)
        planted.spoil(answer)
        content = answer.content()
        pairs = [(name.lower().encode(), one.encode()) for name, one in answer.headers.items()]
        pairs.append((b"content-length", str(len(content)).encode()))
        start = {"type": "http.response.start", "status": answer.status, "headers": pairs}
        await send(start)
        await send({"type": "http.response.body", "body": content})
