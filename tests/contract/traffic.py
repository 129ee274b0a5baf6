"""Traffic between clients and a server, kept as HAR, and what others' tools think of it."""

import base64
import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from projects_api.app.http_protocol import HttpProtocol
from projects_api.contract import support
from tools import node_tools

CONTRACT = node_tools.ROOT / "openapi.yaml"
METHODS = [method.upper() for method in support.METHODS]
HOP_BY_HOP = {
    *("connection", "content-length", "host", "http2-settings", "keep-alive"),
    *("transfer-encoding", "upgrade"),
}
NUMBER = "X-Exchange"


@contextlib.contextmanager
def serving(answer) -> Iterator[str]:
    """Let a function from a request to a response answer every request to the address."""
    app = Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)])
    config = uvicorn.Config(app, port=0, http=HttpProtocol, ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@contextlib.contextmanager
def recording(server_url: str) -> Iterator[tuple[str, list[dict]]]:
    """Pass requests on to a server; gives the address to send them to, and the HAR entries."""
    entries: list[dict] = []

    async def pass_on(request: Request) -> Response:
        body = await request.body()
        url = server_url + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await run_in_threadpool(
            requests.request,
            request.method,
            url,
            headers=passed_on(request.headers),
            data=body,
            allow_redirects=False,
            timeout=60,
        )
        entries.append(entry(request, url, body, answer))
        return Response(answer.content, answer.status_code, passed_on(answer.headers))

    with serving(pass_on) as url:
        yield url, entries


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


def entry(request: Request, url: str, body: bytes, answer: requests.Response) -> dict:
    return {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "time": 0,
        "request": {
            "method": request.method,
            "url": url,
            "headers": pairs(passed_on(request.headers).items()),
            "queryString": pairs(request.query_params.multi_items()),
            "postData": {
                "mimeType": request.headers.get("content-type", ""),
                "text": body.decode("latin-1"),
            },
        },
        "response": {
            "status": answer.status_code,
            "statusText": HTTPStatus(answer.status_code).phrase,
            "headers": pairs(answer.headers.items()),
            "content": {
                "mimeType": answer.headers.get("content-type", ""),
                "encoding": "base64",
                "text": base64.b64encode(answer.content).decode(),
            },
        },
    }


def pairs(items) -> list[dict]:
    return [{"name": name, "value": value} for name, value in items]


def headers_of(message: dict) -> dict:
    return passed_on({one["name"]: one["value"] for one in message["headers"]})


def prism_violations(entries: list[dict]) -> list[str]:
    """Ask Prism about every answer: it stands as a proxy before one who gives them once more.

    It cannot stand before the server itself, for it breaks the files that pass through it.
    """

    async def answer(request: Request) -> Response:
        response = entries[int(request.headers[NUMBER])]["response"]
        content = base64.b64decode(response["content"]["text"])
        return Response(content, response["status"], headers_of(response))

    violations = []
    with serving(answer) as upstream, prism(upstream) as proxy:
        for number, one in enumerate(entries):
            request = one["request"]
            path = request["url"].split("/", 3)[3]
            given = requests.request(
                request["method"],
                f"{proxy}/{path}",
                headers={**headers_of(request), NUMBER: str(number)},
                data=request["postData"]["text"].encode("latin-1"),
                timeout=60,
            )
            assert given.status_code == one["response"]["status"], given.text
            if found := given.headers.get("sl-violations"):
                violations.append(f"{request['method']} /{path} {given.status_code}: {found}")
    return violations


@contextlib.contextmanager
def prism(upstream: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [node_tools.install() / "prism", "proxy", CONTRACT, upstream]
    with subprocess.Popen(
        [*command, "--validate-request=false", f"--port={port}", "--verboseLevel=silent"],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def write_har(entries: list[dict], path: Path) -> Path:
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return path


def drift(har: Path, server_url: str) -> dict[str, list[str]]:
    """Ask `redocly drift` where requests and responses are not what the contract says."""
    report = har.with_suffix(".drift.json")
    options = ["--api", CONTRACT, "--server", server_url, "--format", "json", "--output", report]
    run = node_tools.run("redocly", "drift", har, *options, timeout=600)
    assert report.exists(), run.stderr
    found = json.loads(report.read_text())
    assert found["run"]["totalExchanges"], "the file holds no traffic"
    findings: dict[str, list[str]] = {"request": [], "response": []}
    for one in found["problems"]:
        exchange = f"{one['method']} {one['path']} {one['status']}"
        findings[one["target"]].append(f"{exchange}: {one['message']}")
    return findings
