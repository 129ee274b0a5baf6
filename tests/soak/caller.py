"""A person who repeats a request until it is answered for good, as the contract allows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from tests.conftest import Person
from tests.soak.figures import Figures

PATIENCE = 240.0
"""Seconds in which every request must be answered for good; no fault lasts a quarter as long."""
KEY_PATIENCE = 20.0
"""Seconds to wait for another request with the same key; a killed one keeps the key for longer."""
TIMEOUT = 90.0
MOST_PAUSE = 2.0
Body = dict[str, Any]


class Unanswered(Exception):
    """No answer for good came in time."""


class HeldBack(Exception):
    """A request with the same key is taken to be running."""


@dataclass
class Post:
    """A POST under a key of its own, and what to write down when it is answered."""

    action: str
    path: str
    body: Body
    record: Callable[[dict[str, Any]], None]
    project_id: str | None
    """What it belongs to, and what must stay until it is answered."""
    key: str


class Caller:
    def __init__(self, person: Person, figures: Figures) -> None:
        self.person = person
        self.figures = figures
        self.waiting: list[Post] = []
        """Those whose key is held back; they are sent again at the end."""

    def get(self, action: str, path: str, **options: Any) -> requests.Response:
        return self._send(action, "GET", path, **options)

    def put(self, action: str, path: str, body: Body) -> requests.Response:
        return self._send(action, "PUT", path, json=body)

    def delete(self, action: str, path: str) -> requests.Response:
        return self._send(action, "DELETE", path)

    def post(
        self,
        action: str,
        path: str,
        record: Callable[[dict[str, Any]], None],
        project_id: str | None = None,
        **body: Any,
    ) -> Post:
        """Send it until it is answered; what is held back for its key waits for the end."""
        post = Post(action, path, body, record, project_id, uuid4().hex)
        if not self.resend(post):
            self.waiting.append(post)
            self.figures.hold_back()
        return post

    def resend(self, post: Post) -> bool:
        """Send it once more under its key; tell whether it was answered for good."""
        headers = {"Idempotency-Key": post.key}
        try:
            answer = self._send(post.action, "POST", post.path, headers=headers, **post.body)
        except HeldBack:
            return False
        if answer.ok:
            post.record(answer.json())
        return True

    def _send(self, action: str, method: str, path: str, **options: Any) -> requests.Response:
        deadline = time.monotonic() + PATIENCE
        key_deadline = None
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                answer = self.person.send(method, path, timeout=TIMEOUT, **options)
            except requests.RequestException as error:
                self.figures.count(action, 0)
                self.figures.repeat(type(error).__name__)
                time.sleep(0.5)
                continue
            self.figures.count(action, answer.status_code, time.monotonic() - began)
            if answer.status_code == 409 and answer.json()["type"].endswith("request-running"):
                key_deadline = key_deadline or time.monotonic() + KEY_PATIENCE
                if time.monotonic() > key_deadline:
                    raise HeldBack
            elif answer.status_code not in {429, 503}:
                self._judge(action, answer)
                return answer
            self.figures.repeat(f"{answer.status_code}")
            time.sleep(min(float(answer.headers.get("retry-after", 1)), MOST_PAUSE))
        self.figures.fail(f"{action}: {method} {path} was not answered for {PATIENCE:.0f} seconds")
        raise Unanswered

    def _judge(self, action: str, answer: requests.Response) -> None:
        """Take everything for wrong that no caller of this run gives reason for."""
        if answer.ok or answer.status_code in {404, 409}:
            return
        request_id = answer.headers.get("x-request-id")
        text = answer.text[:300] if "json" in answer.headers.get("content-type", "") else ""
        self.figures.fail(f"{action}: {answer.status_code} (request {request_id}) {text}")
