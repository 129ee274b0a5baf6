"""Bodies that hardly come and connections without number: others are served meanwhile."""

import socket
import time
from contextlib import ExitStack

import pytest
import requests

from projects_api.app.connections import Shares, allowed_files
from tests.support.processes import person_of, wait_until

from .test_heads import connect, last_problem, received

WRONG_KEY = b"POST /api/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n"
JSON = b"content-type: application/json\r\ncontent-length: 100\r\n\r\n"


@pytest.fixture
def process(local):
    settings = {"body_seconds": 1, "max_connections_per_address": 20, "embedded_workers": 0}
    with local.serve(**settings) as process:
        yield process


def test_a_body_that_does_not_come_is_ended(process):
    key = person_of(process).key.encode()
    head = b"POST /api/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + key + b"\r\n"
    with connect(process) as connection:
        connection.sendall(head + JSON + b"{")
        problem = last_problem(received(connection))
    assert (problem["status"], problem["type"].rpartition(":")[2]) == (408, "body-timeout")
    known = problem["request_id"]
    wait_until(
        lambda: any(known == one["request_id"] for one in process.lines("request")), "a line"
    )


def test_a_body_that_drips_is_ended_and_one_that_flows_is_read(process):
    key = person_of(process).key.encode()
    head = b"POST /api/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + key + b"\r\n"
    with connect(process) as connection:
        connection.sendall(head + JSON)
        for _ in range(30):  # three seconds, were it read
            try:
                connection.sendall(b" ")
            except OSError:
                break
            time.sleep(0.1)
        assert last_problem(received(connection))["type"].endswith("body-timeout")
    body = b'{"name": "' + b"x" * 100 + b'"' + b" " * 2000 + b"}"
    with connect(process) as connection:
        connection.sendall(head + b"content-type: application/json\r\n")
        connection.sendall(b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 200):
            connection.sendall(body[start : start + 200])
            time.sleep(0.2)
        assert b" 201 " in received(connection).partition(b"\r\n")[0]


def test_the_key_is_looked_up_before_a_body_is_waited_for(process):
    with connect(process) as connection:
        connection.sendall(WRONG_KEY + JSON)
        # A body that was waited for would be 408.
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_an_address_has_its_share_of_connections(process):
    url = f"http://127.0.0.1:{process.port}/health/live"
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(connect(process)).sendall(WRONG_KEY)
        with connect(process) as one_more:
            answer = received(one_more)
        assert last_problem(answer)["type"].endswith("too-many-connections")
        assert b"retry-after: 5" in answer.lower()
        assert requests.get(url, timeout=10).status_code == 503
        # Another address is served.
        with socket.create_connection(
            ("127.0.0.1", process.port), timeout=10, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert received(other).startswith(b"HTTP/1.1 200 ")
    assert requests.get(url, timeout=10).status_code == 200


def test_nobody_takes_more_than_half_and_all_is_given_back():
    shares = Shares(10, 8)
    assert [shares.take("a") for _ in range(6)] == [True] * 5 + [False]
    assert [shares.take("b") for _ in range(5)] == [True] * 4 + [False]
    for _ in range(6):
        shares.give_back("a")
    for _ in range(5):
        shares.give_back("b")
    assert [shares.take("c") for _ in range(5)] == [True] * 5
    assert list(shares._held) == ["c"]


def test_a_server_takes_the_files_that_it_may_have():
    assert allowed_files() >= 1024
