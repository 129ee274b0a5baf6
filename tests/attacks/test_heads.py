"""Heads without end, from somebody without a key: they are refused, and cost others nothing."""

import asyncio
import json
import re
import socket
import threading
from contextlib import suppress
from functools import partial

import psutil
import pytest
import requests
import uvicorn

from projects_api.app.http_protocol import HttpProtocol
from tests.support.processes import wait_until

PIECE = b"a" * 16_384
REQUEST = b"GET /health/live HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST /api/projects HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "target": (b"GET /", PIECE, 414, "target-too-long"),
    "header value": (REQUEST + b"x: ", PIECE, 431, "head-too-large"),
    "header name": (REQUEST, PIECE, 431, "head-too-large"),
    "many headers": (REQUEST, b"x: y\r\n" * 2_000, 431, "head-too-large"),
    "chunk extension": (CHUNKED + b"5;", PIECE, 431, "head-too-large"),
    "trailer": (CHUNKED + b"0\r\n", b"x: y\r\n" * 2_000, 431, "head-too-large"),
    "second request": (REQUEST + b"\r\n" + REQUEST, b"x: y\r\n" * 2_000, 431, "head-too-large"),
}


@pytest.fixture
def process(local):
    """A server on SQLite whose heads have a second."""
    with local.serve(head_seconds=1, embedded_workers=0) as process:
        yield process


def connect(process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", process.port), timeout=30)


def received(connection: socket.socket) -> bytes:
    """Read until the other side closes, or resets what it has not read."""
    answer = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def last_problem(answer: bytes) -> dict:
    head, _, body = answer.rpartition(b"\r\n\r\n")
    status = re.findall(rb"HTTP/1\.1 (\d+)", head)[-1]
    problem = json.loads(body)
    assert problem["status"] == int(status)
    assert problem["request_id"]
    return problem


@pytest.mark.parametrize("attack", ENDLESS)
def test_no_head_goes_on_for_ever(process, attack):
    beginning, piece, status, slug = ENDLESS[attack]
    with connect(process) as connection:
        connection.sendall(beginning)
        sent = 0
        # A little at a time, so that what was answered is read before the connection is reset.
        with suppress(ConnectionError):
            while sent < 200_000_000 and not _has_answered(connection, status):
                sent += connection.send(piece)
        assert sent < 20_000_000  # what the sockets hold
        problem = last_problem(received(connection))
    assert (problem["status"], problem["type"].rpartition(":")[2]) == (status, slug)
    assert requests.get(f"{process.url}/health/live", timeout=10).status_code == 200


def _has_answered(connection: socket.socket, status: int) -> bool:
    connection.settimeout(0.02)
    try:
        return b" %d " % status in connection.recv(65_536, socket.MSG_PEEK)
    except TimeoutError:
        return False
    finally:
        connection.settimeout(30)


def test_a_long_head_that_comes_at_once_is_refused_too(process):
    with connect(process) as connection:
        connection.sendall(REQUEST + b"x: " + b"a" * 70_000 + b"\r\n\r\n")
        assert last_problem(received(connection))["status"] == 431


def test_a_head_within_the_limit_is_answered(process):
    headers = {f"x-{number}": "a" * 7_000 for number in range(8)}
    answer = requests.get(f"{process.url}/health/live", headers=headers, timeout=30)
    assert answer.status_code == 200


def test_memory_does_not_follow_what_is_sent(process):
    before = psutil.Process(process.popen.pid).memory_info().rss
    for _ in range(20):
        with connect(process) as connection, suppress(ConnectionError):
            connection.sendall(b"GET /" + b"a" * 20_000_000)
    grown = psutil.Process(process.popen.pid).memory_info().rss - before
    assert grown < 50_000_000


@pytest.mark.parametrize("beginning", [b"G", b"GET / HTTP/1.1\r\nx: y\r\n", REQUEST + b"\r\nGET /"])
def test_a_head_that_does_not_arrive_is_ended(process, beginning):
    with connect(process) as connection:
        connection.sendall(beginning)
        assert last_problem(received(connection))["type"].endswith("head-timeout")


def test_a_head_waits_for_the_answers_before_it():
    """Whose third request has come in part while the first runs, gets both answers before it."""

    async def slow(scope, _receive, send):
        await asyncio.sleep(1.5 if scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    heads = [b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % name for name in (b"slow", b"next")]
    options = {"http": partial(HttpProtocol, head_seconds=0.3), "lifespan": "off", "ws": "none"}
    server = uvicorn.Server(uvicorn.Config(slow, port=0, log_config=None, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server listens")
    address = server.servers[0].sockets[0].getsockname()
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"".join(heads) + b"GET /third HT")
        answer = received(connection)
    server.should_exit = True
    thread.join(30)
    assert re.findall(rb"/slow|/next", answer) == [b"/slow", b"/next"]
    assert last_problem(answer)["type"].endswith("head-timeout")


def test_a_silent_connection_is_closed(process):
    with connect(process) as connection:
        assert received(connection) == b""
