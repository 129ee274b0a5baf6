"""The server's side of the process that speaks with Ray: started, asked, ended."""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from select import select
from typing import Any

import structlog

from projects_api.settings import Settings

PROGRAM = "projects_api.jobs.ray"
CONNECT_SECONDS = 90.0
"""In which Ray must be reached; its library itself tries for a minute."""
ANSWER_SECONDS = 45.0
TICK_SECONDS = 0.1
MAX_LINE = 4_000
MAX_ANSWER = 1_000_000
FORWARDED = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"),
    *("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT"),
)
"""Variables that a node takes from the server, where it does not have them itself."""
_log = structlog.get_logger()


class RayAway(Exception):
    """Ray does not answer."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What Ray has: the jobs that are its own now, and nodes.

    `gpu_job_ids` are those of them that have a place only where there is a graphics processor.
    `memory_bytes` is the memory of all nodes, `largest_bytes` that of the largest, and `gpu_bytes`
    that of the largest which has a graphics processor and room for a job beside it; else 0.
    """

    job_ids: frozenset[str]
    gpu_job_ids: frozenset[str]
    nodes: int
    cpus: float
    gpus: float
    memory_bytes: int
    largest_bytes: int
    gpu_bytes: int


@dataclass(frozen=True, slots=True)
class NodeSight:
    """What a node told of itself: versions by name, and sentences of what is amiss there.

    `first_user` is the id of the first user of the database that it reaches.
    """

    versions: dict[str, str] = field(default_factory=dict)
    first_user: str | None = None
    faults: list[str] = field(default_factory=list)


class Link:
    """A process that hands jobs over to Ray, and tells which it has."""

    def __init__(
        self,
        settings: Settings,
        stopping: threading.Event,
        connect_seconds: float | None = None,
    ) -> None:
        """Start it; while `stopping` is not set, answers are waited for."""
        self._stopping = stopping
        self._seconds = CONNECT_SECONDS if connect_seconds is None else connect_seconds
        self._read = b""
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,
        )
        self._output = threading.Thread(target=self._log_output, name="ray-output", daemon=True)
        self._output.start()
        self._send(what_nodes_need(settings))

    def ask(
        self, hand_over: Collection[Mapping[str, Any]] = (), withdraw: Collection[str] = ()
    ) -> Cluster:
        """Hand jobs over, take others back, and learn what Ray has then; raises `RayAway`."""
        self._send({"hand_over": [*hand_over], "withdraw": [*withdraw]})
        answer = self._answer()
        ids = {name: frozenset(answer[name]) for name in ("job_ids", "gpu_job_ids")}
        return Cluster(**{**answer, **ids})

    def look(self, sha256: str | None) -> dict[str, NodeSight]:
        """Have nodes tell what they are and what they reach, by their addresses.

        The content, if one is named, is looked for in their store. Raises `RayAway`.
        """
        self._send({"look": {"sha256": sha256}})
        return {address: NodeSight(**told) for address, told in self._answer().items()}

    def _answer(self) -> Any:
        answer = json.loads(self._receive())
        if reason := answer.get("refused"):
            raise RayAway(reason)
        self._seconds = ANSWER_SECONDS
        return answer

    def close(self) -> None:
        """End it. What Ray has of jobs goes on."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.wait()
        self._output.join(1.0)
        with suppress(OSError):  # what was not read any more
            self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise RayAway("the process that speaks with Ray has ended") from None

    def _receive(self) -> bytes:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + self._seconds
        while b"\n" not in self._read:
            if self._stopping.is_set():
                raise RayAway("the server stops")
            if time.monotonic() > deadline:
                raise RayAway(f"no answer in {self._seconds:g} seconds")
            if select([descriptor], [], [], TICK_SECONDS)[0]:
                part = os.read(descriptor, 65_536)
                if not part or len(self._read) > MAX_ANSWER:
                    raise RayAway("the process that speaks with Ray has ended")
                self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _log_output(self) -> None:
        assert self._process.stderr
        with self._process.stderr as output:
            while line := output.readline(MAX_LINE):
                if text := line.decode("utf-8", "replace").rstrip():
                    _log.info("ray_output", line=text)


def what_nodes_need(settings: Settings) -> dict[str, Any]:
    """Tell where Ray is, and what its nodes must know to work on jobs, secrets among it."""
    places = {"database_url": settings.database, "artifact_url": settings.artifacts}
    of_server = ("tls_certificate", "tls_key", "oidc_issuer", "oidc_audience", "oidc_client_id")
    own = dict.fromkeys(of_server)
    return {
        "address": settings.ray_address,
        "settings": {**settings.model_dump(mode="json"), **places, **own},
        "environment": {name: os.environ[name] for name in FORWARDED if name in os.environ},
    }


def own_versions() -> dict[str, str]:
    """Tell what must be the same on the server and on all nodes; of Python the first two parts."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, **{name: version(name) for name in ("projects-api", "ray")}}
