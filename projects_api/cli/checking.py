"""The command that judges any client and any server of the contract by their exchanges."""

# ruff: noqa: PLC0415 - imported when the command runs

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from projects_api.cli.arguments import MOST_PORT, server_or_end, write_or_end
from projects_api.cli.common import USAGE, fail, reason
from projects_api.cli.listening import check_port

if TYPE_CHECKING:
    from projects_api.conformance.judge import Judge
    from projects_api.conformance.report import Report

SIDES = ("request", "response")


def check(
    recording: Annotated[
        Path | None, typer.Argument(help="A recording (HAR); without one, stand before a server.")
    ] = None,
    *,
    upstream: Annotated[
        str,
        typer.Option(help="The server's address; of a recording, only what went there is judged."),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.", min=0, max=MOST_PORT)] = 0,
    only: Annotated[str, typer.Option(help="Judge one side: request or response.")] = "",
    contract: Annotated[
        Path | None, typer.Option(help="Another contract, in YAML or JSON; default: this API's.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit's XML to this file.")] = None,
    har: Annotated[
        Path | None, typer.Option(help="Record all exchanges in this file, without keys.")
    ] = None,
    silence: Annotated[
        float, typer.Option(help="Seconds to wait for more of an answer.", min=0.1)
    ] = 300.0,
) -> None:
    """Judge a client and a server by the contract, as a proxy between them or by a recording."""
    if only not in {"", *SIDES}:
        fail("--only takes request or response", USAGE)
    sides = frozenset({only} if only else SIDES)
    judge = _judge(contract)
    if recording:
        if har:
            fail("--har records what passes a proxy: name no recording beside it", USAGE)
        report = _of_recording(judge, recording, upstream, sides)
    else:
        report = _of_proxy(
            judge, upstream, host=host, port=port, seconds=silence, har=har, sides=sides
        )
    typer.echo(report.summary())
    if junit:
        write_or_end(junit, report.junit())
    if report.violations:
        raise typer.Exit(1)


def _judge(contract: Path | None) -> "Judge":
    from yaml import YAMLError

    from projects_api.conformance.judge import Judge
    from projects_api.contract.checker import parse_yaml
    from projects_api.openapi import contract as of_this_api

    if contract is None:
        return Judge(of_this_api())
    try:
        return Judge(parse_yaml(contract.read_bytes()))
    except OSError as error:
        fail(f"the contract cannot be read: {reason(error)}")
    except (YAMLError, ValueError, RecursionError) as error:
        fail(f"{contract} is no contract that can be judged by: {reason(error)[:1000]}")
    except (KeyError, TypeError, AttributeError):
        fail(f"{contract} is no contract that can be judged by: it is no OpenAPI 3.0 document")


def _of_recording(
    judge: "Judge", recording: Path, upstream: str, sides: frozenset[str]
) -> "Report":
    from projects_api.conformance.har import MOST_FILE_BYTES, NotARecording, read_har
    from projects_api.conformance.run import judge_recording

    try:
        if recording.stat().st_size > MOST_FILE_BYTES:
            fail(f"{recording} has more than {MOST_FILE_BYTES} bytes: record less at once")
        exchanges = read_har(recording.read_bytes(), upstream)
        return judge_recording(judge, exchanges, sides, typer.echo)
    except OSError as error:
        fail(f"the recording cannot be read: {reason(error)}")
    except NotARecording as error:
        fail(f"{recording} is no recording: {error}")


def _of_proxy(
    judge: "Judge",
    upstream: str,
    *,
    host: str,
    port: int,
    seconds: float,
    har: Path | None,
    sides: frozenset[str],
) -> "Report":
    from projects_api.conformance.run import run_proxy

    if not upstream:
        fail("name a recording, or the server by --upstream http://...", USAGE)
    upstream = server_or_end(upstream)
    check_port(host, port)
    if find_spec("aiohttp") is None:
        fail("a proxy needs the extra check: pip install 'projects-api[check]'")

    def announce(url: str) -> None:
        typer.echo(f"BASE_URL={url}")
        sys.stdout.flush()

    try:
        return run_proxy(
            judge,
            upstream,
            host=host,
            port=port,
            seconds=seconds,
            har=har,
            sides=sides,
            tell=typer.echo,
            announce=announce,
        )
    except OSError as error:
        fail(f"the recording cannot be written: {reason(error)}")
