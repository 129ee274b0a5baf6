"""Many connections at once: each has its turn."""

import select
import signal
import socket
from collections import Counter

import pytest

CONNECTIONS = 60
GET = b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
def process(local):
    with local.serve() as process:
        yield process


def connect(process) -> dict[int, socket.socket]:
    """Connect and ask, many times, before the server can take the first."""
    process.popen.send_signal(signal.SIGSTOP)
    try:
        made = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(CONNECTIONS)]
        for one in made:
            one.sendall(GET)
    finally:
        process.popen.send_signal(signal.SIGCONT)
    return {one.fileno(): one for one in made}


def test_connections_that_ask_on_and_on_do_not_keep_new_ones_waiting(process):
    """An event loop that takes one new connection a round serves the last one after 60 rounds."""
    connections = connect(process)
    poll = select.poll()
    for number in connections:
        poll.register(number, select.POLLIN)
    answers: Counter[int] = Counter()
    while len(answers) < CONNECTIONS:
        ready = poll.poll(60_000)
        assert ready, answers
        for number, _ in ready:
            answer = connections[number].recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            answers[number] += 1
            connections[number].sendall(GET)
    for one in connections.values():
        one.close()
    assert max(answers.values()) <= 5
