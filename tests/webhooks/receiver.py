"""A real receiver of webhooks on this machine, which answers as it is told."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler], None]


def with_status(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@dataclass
class Receiver:
    """Keeps what it gets; `answers` are used up one by one, the last one for ever."""

    answers: list[Answer] = field(default_factory=lambda: [with_status(204)])
    requests: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.ended = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._lock:
                    got = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                    receiver.requests.append(got)
                    more = len(receiver.answers) > 1
                    answer = receiver.answers.pop(0) if more else receiver.answers[0]
                answer(self)

            do_GET = do_POST  # noqa: N815 - the name that the base class calls

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def hang(self, _request: BaseHTTPRequestHandler) -> None:
        """Answer nothing before the test ends."""
        self.ended.wait()

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Send a header that never ends, a byte at a time."""
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.ended.is_set():
                request.wfile.write(b"a")
                time.sleep(0.01)
        except OSError:
            pass

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
