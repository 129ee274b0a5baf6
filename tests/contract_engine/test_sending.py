"""Files on their way: what is sent in which order, and when their leases end."""

import itertools
from collections.abc import Iterable

import anyio
import anyio.lowlevel
import pytest

from projects_api.contract.responses import Answer, File
from projects_api.contract.sending import send_answer


class Connection:
    """The server's side of a connection, which writes down what happens."""

    def __init__(self, *, leaves_after: int | None = None) -> None:
        self.happened: list[str] = []
        self.leaves_after = leaves_after
        self.gone = anyio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.happened.append(f"status {message['status']}")
        else:
            more = message.get("more_body", False)
            self.happened.append(f"{message['body'].decode()}{'...' if more else '.'}")
        if self.leaves_after == len(self.happened):
            self.gone.set()
            await anyio.lowlevel.checkpoint()

    def transfer(self, chunks: Iterable[bytes]) -> list[str]:
        file = File(iter(chunks), "text/csv", "f", finish=lambda: self.happened.append("finish"))
        anyio.run(send_answer, Answer(200, {}, file=file), self.receive, self.send)
        return self.happened


@pytest.fixture
def connection():
    return Connection()


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"a", b"", b"b", b"c"], ["a...", "b...", "finish", "c."]),
        ([b"a"], ["finish", "a."]),
        ([], ["finish", "."]),
    ],
)
def test_it_is_finished_before_its_last_piece_is_sent(connection, chunks, expected):
    assert connection.transfer(chunks) == ["status 200", *expected]


@pytest.mark.parametrize(("before", "sent"), [([], []), ([b"a", b"b"], ["status 200", "a..."])])
def test_a_fault_ends_it_without_an_end(connection, before, sent):
    def chunks():
        yield from before
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        connection.transfer(chunks())
    assert connection.happened == [*sent, "finish"]


def test_a_reader_that_leaves_stops_the_reading():
    happened = Connection(leaves_after=3).transfer(itertools.repeat(b"x"))
    assert happened[:3] == ["status 200", "x...", "x..."]
    assert "finish" in happened
    assert len(happened) < 10
