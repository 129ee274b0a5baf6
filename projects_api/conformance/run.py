"""Runs: a proxy until it is stopped, and a recording to its end."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket

import uvicorn

from projects_api.conformance.exchange import Exchange
from projects_api.conformance.har import HarWriter
from projects_api.conformance.judge import Judge
from projects_api.conformance.report import Report

_SHUTDOWN_SECONDS = 5
Print = Callable[[str], None]


def judge_recording(
    judge: Judge, exchanges: Iterable[Exchange], sides: frozenset[str], tell: Print
) -> Report:
    """Judge exchanges that passed some time ago: those with the first server of the contract."""
    report = Report(judge.operations)
    everything = list(exchanges)
    origin = next((one.origin for one in everything if judge.knows(one)), None)
    concerned = [one for one in everything if one.origin == origin]
    if left_out := len(everything) - len(concerned):
        tell(f"{left_out} requests went to other servers than {origin}")

    async def judge_all() -> None:
        for exchange in concerned:
            await _judge(judge, exchange, report, sides, tell)

    asyncio.run(judge_all())
    return report


def run_proxy(
    judge: Judge,
    upstream: str,
    *,
    host: str,
    port: int,
    seconds: float,
    har: Path | None,
    sides: frozenset[str],
    tell: Print,
    announce: Print,
) -> Report:
    """Stand before a server until SIGINT or SIGTERM; `announce` gets the proxy's address."""
    from projects_api.conformance.proxy import Proxy  # noqa: PLC0415 - of an extra

    report = Report(judge.operations)
    with ExitStack() as stack:
        writer = stack.enter_context(HarWriter(har, upstream)) if har else None

        async def note(exchange: Exchange) -> None:
            if writer:
                writer.write(exchange)
            await _judge(judge, exchange, report, sides, tell)

        config = uvicorn.Config(
            Proxy(upstream, note, seconds=seconds),
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            # The server behind has its own.
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        with _ended_by_signals():
            _Server(config, announce).run()
        if writer and writer.left_out:
            tell(f"the recording is full: {writer.left_out} exchanges are not in it")
    return report


async def _judge(
    judge: Judge, exchange: Exchange, report: Report, sides: frozenset[str], tell: Print
) -> None:
    verdict = await judge.judge(exchange)
    verdict.faults = [fault for fault in verdict.faults if fault.side in sides]
    report.add(verdict)
    for line in verdict.lines():
        tell(line)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have signals end the server alone: what was found is still to be told."""
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, lambda *_: None) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class _Server(uvicorn.Server):
    """Tells where it listens, which only the system knows for port 0."""

    def __init__(self, config: uvicorn.Config, announce: Print) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            # That an answer broke off has been told by its verdict.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            address, port = self.servers[0].sockets[0].getsockname()[:2]
            self._announce(
                f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
            )
