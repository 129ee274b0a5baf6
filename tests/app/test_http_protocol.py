"""The wire as raw sockets and Java's client see it: a real uvicorn, an application that echoes."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from projects_api.app.connections import Gathered
from projects_api.app.http_protocol import HttpProtocol

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
WEBSOCKET = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def echo(scope, receive, send):
    """Answer with what came; `/early` begins before the body is there."""
    assert scope["type"] == "http"
    body = b""
    if scope["path"] == "/refused":
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] == "/early":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"started ", "more_body": True})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message["more_body"]
    echoed = {
        "method": scope["method"],
        "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": body.decode(),
    }
    answer = json.dumps(echoed).encode()
    if scope["path"] != "/early":
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@contextmanager
def serving(protocol: type) -> Iterator[int]:
    config = uvicorn.Config(
        echo,
        host="127.0.0.1",
        port=0,
        http=protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(HttpProtocol) as port:
        yield port


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def echoed(self) -> dict:
        return json.loads(self.body)


class Caller:
    """A connection that sends segments as they are and reads answers one by one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, *segments: bytes) -> None:
        for segment in segments:
            self.socket.sendall(segment)
            if len(segments) > 1:
                time.sleep(0.02)  # so that each arrives alone

    def answer(self) -> Answer:
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, self.file.read(int(headers["content-length"])))

    def is_closed(self) -> bool:
        return self.file.read() == b""


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    with Caller(port) as caller:
        yield caller


def test_uvicorn_alone_still_loses_such_a_body():
    """Where this fails, uvicorn has learnt it (Kludex/uvicorn#2722), and our `_restart` may go."""
    with serving(HttpToolsProtocol) as port, Caller(port) as caller:
        caller.send(b"".join(sized(b"a body")))
        caller.socket.shutdown(socket.SHUT_WR)
        assert b"a body" not in caller.file.read()


def sized(body: bytes, offer: bytes = H2C) -> tuple[bytes, bytes]:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (offer, len(body))
    return head, body


def chunked(body: bytes, offer: bytes = H2C, size: int = 7) -> tuple[bytes, bytes]:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % offer
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return head, b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"


BODY = b"0123456789abcdefghijklmnopqrstuvwxyz"
framings = pytest.mark.parametrize("framing", [sized, chunked])


class Written(asyncio.Transport):
    """A transport that keeps what each of its writes was given."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed_after: int | None = None

    def write(self, data) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data) -> None:
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.writes))

    def close(self) -> None:
        self.closed_after = len(self.writes)


class TestGathered:
    def test_head_and_body_are_one_write(self):
        async def steps(gathered, written):
            for number in range(3):
                gathered.write(b"head%d" % number)
                gathered.write(b"body")
                assert written.writes[number:] == [b"head%dbody" % number]
                await asyncio.sleep(0)
            assert len(written.writes) == 3

        self.run(steps)

    def test_what_is_alone_waits_for_nobody(self):
        async def steps(gathered, written):
            gathered.write(b"alone")
            assert written.writes == []
            await asyncio.sleep(0)
            assert written.writes == [b"alone"]
            gathered.write(b"next")
            await asyncio.sleep(0)
            assert written.writes == [b"alone", b"next"]

        self.run(steps)

    def test_it_is_written_before_a_close(self):
        async def steps(gathered, written):
            gathered.write(b"last")
            gathered.close()
            assert (written.writes, written.closed_after) == ([b"last"], 1)

        self.run(steps)

    def test_it_counts_as_not_sent(self):
        async def steps(gathered, _written):
            gathered.write(b"last")
            assert gathered.get_write_buffer_size() == 4

        self.run(steps)

    @staticmethod
    def run(steps):
        async def run():
            written = Written()
            await steps(Gathered(written, asyncio.get_running_loop()), written)

        asyncio.run(run())

    def test_a_sender_that_closes_its_side_gets_what_was_written(self):
        async def steps():
            written = Written()
            protocol = HttpProtocol(
                uvicorn.Config(echo, log_config=None), uvicorn.server.ServerState(), {}
            )
            protocol.connection_made(written)
            protocol.transport.write(b"last")
            protocol.eof_received()
            assert written.writes == [b"last"]
            protocol.connection_lost(None)

        asyncio.run(steps())


class TestOfferOfAnUpgrade:
    @framings
    @pytest.mark.parametrize("offer", [H2C, WEBSOCKET, b""], ids=["h2c", "websocket", "none"])
    def test_body_in_the_same_segment(self, caller, framing, offer):
        caller.send(b"".join(framing(BODY, offer)))
        assert caller.answer().echoed["body"] == BODY.decode()

    @framings
    def test_body_in_later_segments(self, caller, framing):
        head, body = framing(BODY)
        caller.send(head, body[:5], body[5:20], body[20:])
        assert caller.answer().echoed["body"] == BODY.decode()

    @framings
    def test_every_place_of_the_cut(self, caller, framing):
        request = b"".join(framing(b"abc"))
        for cut in range(1, len(request)):
            caller.socket.sendall(request[:cut])
            time.sleep(0.001)
            caller.socket.sendall(request[cut:])
            assert caller.answer().echoed["body"] == "abc", request[:cut]

    @framings
    def test_body_above_the_flow_control_limit(self, caller, framing):
        body = BODY * 20_000
        head, content = framing(body) if framing is sized else framing(body, size=50_000)
        caller.send(head + content)
        assert caller.answer().echoed["body"] == body.decode()

    @framings
    def test_connection_serves_the_next_request(self, caller, framing):
        for number in range(3):
            caller.send(b"".join(framing(b"body %d" % number)))
            answer = caller.answer()
            assert answer.echoed["body"] == f"body {number}"
            assert answer.headers.get("connection") != "close"

    @framings
    def test_pipelined_requests(self, caller, framing):
        plain = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
        offering = b"GET /offering HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n"
        first, second = b"".join(framing(b"first")), b"".join(framing(b"second"))
        caller.send(plain + first + offering + second + plain)
        echoed = [caller.answer().echoed for _ in range(5)]
        assert [one["body"] for one in echoed] == ["", "first", "", "second", ""]
        assert [one["target"] for one in echoed] == ["/plain?", "/?", "/offering?", "/?", "/plain?"]

    def test_head_arrives_as_it_was_sent(self, caller):
        caller.send(
            b"PATCH /a%20b/%C3%A9?q=%2F&r=1 HTTP/1.1\r\nHost: example.org\r\nX-Twice: one\r\n"
            b"UPGRADE: h2c\r\nConnection: upgrade\r\nX-Empty:\r\nx-twice:  two, three \r\n\r\n"
        )
        echoed = caller.answer().echoed
        assert (echoed["method"], echoed["version"]) == ("PATCH", "1.1")
        assert echoed["target"] == "/a%20b/%C3%A9?q=%2F&r=1"
        names_and_values = [[name, value.strip()] for name, value in echoed["headers"]]
        assert names_and_values == [
            ["host", "example.org"],
            ["x-twice", "one"],
            ["connection", "upgrade"],
            ["x-empty", ""],
            ["x-twice", "two, three"],
        ]

    @framings
    def test_close_is_honoured(self, caller, framing):
        offer = b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n"
        caller.send(*framing(BODY, offer))
        answer = caller.answer()
        assert answer.echoed["body"] == BODY.decode()
        assert answer.headers["connection"] == "close"
        assert caller.is_closed()

    def test_http_1_0(self, caller):
        caller.send(
            b"POST / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n",
            b"abc",
        )
        answer = caller.answer()
        assert (answer.echoed["version"], answer.echoed["body"]) == ("1.0", "abc")
        assert caller.is_closed()

    def test_expectation_is_met(self, caller):
        head, body = sized(BODY, H2C + b"Expect: 100-continue\r\n")
        caller.send(head)
        assert caller.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert caller.file.readline() == b"\r\n"
        caller.send(body)
        assert caller.answer().echoed["body"] == BODY.decode()

    def test_smuggled_request_stays_a_body(self, caller):
        inner = b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
        caller.send(b"".join(sized(inner)))
        assert caller.answer().echoed["body"] == inner.decode()
        caller.send(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().echoed["target"] == "/next?"


class TestConnect:
    def test_nothing_after_it_is_a_request(self, caller):
        caller.send(b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\nGET /inner HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = caller.answer()
        assert answer.echoed["method"] == "CONNECT"
        assert answer.headers["connection"] == "close"
        assert caller.is_closed()


class TestMalformedRequest:
    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"NONSENSE\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\nno-size\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ],
    )
    def test_answer_is_a_problem_and_ends_the_connection(self, caller, request_bytes):
        caller.send(request_bytes)
        answer = caller.answer()
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"
        document = json.loads(answer.body)
        assert re.fullmatch("[0-9a-f]{32}", document["request_id"])
        assert answer.headers["x-request-id"] == document["request_id"]
        assert document == {
            "type": "urn:projects-api:problem:malformed-request",
            "title": "The request is not valid HTTP",
            "status": 400,
            "detail": document["detail"],
            "request_id": document["request_id"],
        }
        assert len(document["detail"]) > len("The parser of HTTP/1.1 says: .")
        assert caller.is_closed()

    def test_after_a_served_request(self, caller):
        caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().status == 200
        caller.send(b"NONSENSE\r\n\r\n")
        assert caller.answer().status == 400
        assert caller.is_closed()

    def test_never_inside_an_answer_that_has_begun(self, caller):
        caller.send(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        while caller.file.readline() != b"started \r\n":
            pass
        caller.send(b"no-size\r\n")
        assert caller.is_closed()


class TestJavaClient:
    SOURCE = """
        import java.net.URI;
        import java.net.http.*;
        import java.net.http.HttpRequest.BodyPublishers;
        import java.io.ByteArrayInputStream;

        public class Upload {
            public static void main(String[] arguments) throws Exception {
                HttpClient client = HttpClient.newHttpClient();
                byte[] body = "from Java".getBytes();
                HttpRequest.BodyPublisher[] publishers = {
                    BodyPublishers.ofByteArray(body),
                    BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body)),
                };
                for (HttpRequest.BodyPublisher publisher : publishers) {
                    HttpRequest request =
                        HttpRequest.newBuilder(URI.create(arguments[0])).POST(publisher).build();
                    System.out.println(
                        client.send(request, HttpResponse.BodyHandlers.ofString()).body());
                }
            }
        }
    """

    @pytest.mark.skipif(not shutil.which("javac"), reason="needs a Java development kit")
    def test_bodies_of_known_and_unknown_length(self, port, tmp_path):
        source = tmp_path / "Upload.java"
        source.write_text(self.SOURCE)
        command = ["java", "-Xshare:auto", str(source), f"http://127.0.0.1:{port}/java"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        known, unknown = (json.loads(line) for line in run.stdout.splitlines())
        assert known["body"] == unknown["body"] == "from Java"
        assert ["content-length", "9"] in known["headers"]
        assert ["transfer-encoding", "chunked"] in unknown["headers"]
        # The client really made the offer, or this would prove nothing.
        assert "http2-settings" in dict(known["headers"])


def answers(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a request that ends its connection; give all that came."""
    with Caller(port) as caller:
        caller.send(request)
        head, _, body = caller.file.read().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


class TestHost:
    @pytest.mark.parametrize(
        "hosts",
        [
            [],
            ["x", "x"],
            ["x", "y"],
            ["a b"],
            ["a/b"],
            ["u@x"],
            ["x:80a"],
            ["x:80:81"],
            ["[::1"],
            ["%zz"],
            ["x?y"],
            ["x#y"],
            ["\xe9"],
            ["x\\y"],
        ],
    )
    def test_none_two_or_no_host_is_refused(self, caller, hosts):
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        caller.send(f"GET / HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        answer = caller.answer()
        assert answer.status == 400
        assert json.loads(answer.body)["type"] == "urn:projects-api:problem:malformed-request"
        assert caller.is_closed()

    @pytest.mark.parametrize(
        "host",
        [
            "x",
            "x:80",
            "x:",
            "127.0.0.1:8888",
            "[::1]",
            "[::1]:80",
            "a.b-c_d",
            "%41",
            "xn--bcher",
            "",
        ],
    )
    def test_a_host_is_taken(self, caller, host):
        caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert caller.answer().status == 200

    def test_http_1_0_needs_none(self, port):
        assert answers(port, b"GET / HTTP/1.0\r\n\r\n")[0] == 200
        assert answers(port, b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n")[0] == 400

    def test_the_second_request_of_a_connection(self, caller):
        caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().status == 200
        caller.send(b"GET / HTTP/1.1\r\n\r\n")
        assert caller.answer().status == 400
        assert caller.is_closed()


class TestCodings:
    @pytest.mark.parametrize(
        "lines",
        [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: deflate,chunked",
            "Transfer-Encoding: identity, chunked",
        ],
    )
    def test_more_than_chunks_is_not_implemented(self, caller, lines):
        caller.send(f"POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n1\r\na\r\n0\r\n\r\n".encode())
        answer = caller.answer()
        assert answer.status == 501
        assert json.loads(answer.body)["type"] == "urn:projects-api:problem:coding-not-implemented"
        assert caller.is_closed()

    @pytest.mark.parametrize("coding", ["chunked", "Chunked", "chunked "])
    def test_chunks_are(self, caller, coding):
        head = f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n"
        caller.send(head.encode() + b"1\r\na\r\n0\r\n\r\n")
        assert caller.answer().echoed["body"] == "a"

    def test_http_1_0_has_none(self, port):
        request = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        assert answers(port, request)[0] == 400

    @pytest.mark.parametrize("keep", [b"", b"Connection: keep-alive\r\n"])
    def test_an_answer_of_unknown_length_is_whole_and_not_in_chunks(self, port, keep):
        head = b"POST /early HTTP/1.0\r\n" + keep + b"Content-Length: 6\r\n\r\n"
        status, headers, body = answers(port, head + b"a body")
        assert status == 200
        assert "transfer-encoding" not in headers
        assert headers["connection"] == "close"
        assert body.startswith(b"started {")
        assert json.loads(body.removeprefix(b"started "))["body"] == "a body"

    def test_one_of_known_length_keeps_it(self, port):
        _, headers, body = answers(port, b"GET / HTTP/1.0\r\n\r\n")
        assert int(headers["content-length"]) == len(body)


class TestExpectation:
    """An answer before the body was asked for; `/refused` asks for none."""

    HEAD = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n"

    def test_nobody_knows_whether_the_body_comes(self, caller):
        caller.send(self.HEAD + b"Expect: 100-continue\r\n\r\n")
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert caller.is_closed()

    def test_a_body_that_came_with_the_head_is_read(self, caller):
        caller.send(self.HEAD + b"Expect: 100-continue\r\n\r\n" + b"x" * 40)
        answer = caller.answer()
        assert (answer.status, answer.headers.get("connection")) == (403, None)
        caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().status == 200

    def test_one_that_is_asked_for_keeps_the_connection(self, caller):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        caller.send(head)
        assert caller.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert caller.file.readline() == b"\r\n"
        caller.send(b"x")
        assert caller.answer().echoed["body"] == "x"
        caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().status == 200
