"""The command that tells what of the contract a run of tests has exercised."""

# ruff: noqa: PLC0415 - imported when the command runs

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import orjson
import typer

from projects_api.cli.arguments import key_or_end, server_or_end, write_or_end
from projects_api.cli.common import USAGE, fail, reason

if TYPE_CHECKING:
    from projects_api.ephemeral.coverage import Coverage

SECONDS = 30.0


def coverage(
    records: Annotated[
        list[Path] | None,
        typer.Argument(help="Records, or folders of them; without one, a running server is asked."),
    ] = None,
    *,
    url: Annotated[
        str, typer.Option(envvar="BASE_URL", help="Where the ephemeral server is.")
    ] = "",
    key: Annotated[str, typer.Option(envvar="API_KEY", help="Its owner's key.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Count only these: operations, statuses, parameters, request, response."),
    ] = None,
    fail_under: Annotated[
        float, typer.Option(help="Fail below so many percent.", min=0, max=100)
    ] = 0.0,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit's XML to this file.")] = None,
) -> None:
    """Tell what of the contract tests have exercised on an ephemeral server."""
    from projects_api.ephemeral.coverage import KINDS
    from projects_api.ephemeral.coverage_report import Report

    if unknown := set(kind or ()) - set(KINDS):
        fail(f"--kind takes {', '.join(KINDS)}, and not {', '.join(sorted(unknown))}", USAGE)
    report = Report(_of_files(records) if records else _of_server(url, key), kind or KINDS)
    typer.echo(report.text())
    if html:
        write_or_end(html, report.html())
    if junit:
        write_or_end(junit, report.junit(fail_under))
    if report.percent < fail_under:
        fail(f"{report.percent:.1f} % are less than {fail_under:g} %")


def _of_files(records: list[Path]) -> "Coverage":
    from projects_api.ephemeral.coverage import Coverage

    files = [
        file
        for path in records
        for file in (sorted(path.glob("coverage-*.json")) if path.is_dir() else [path])
    ]
    if not files:
        fail("there are no records: pytest writes them with --projects-api-coverage FOLDER")
    found = Coverage()
    for file in files:
        try:
            found.add(orjson.loads(file.read_bytes()))
        except OSError as error:
            fail(f"the record cannot be read: {reason(error)}")
        except (ValueError, KeyError, TypeError, AttributeError):
            fail(f"{file} is no record of coverage")
    return found


def _of_server(url: str, key: str) -> "Coverage":
    from projects_api.ephemeral.coverage import Coverage

    if not url or not key:
        fail("name records, or the server by --url and --key (or BASE_URL and API_KEY)", USAGE)
    url = server_or_end(url)
    headers = {"Authorization": f"Bearer {key_or_end(key)}"}
    request = Request(f"{url}/_ephemeral/coverage", headers=headers)  # noqa: S310 - checked above
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            document = orjson.loads(answer.read())
    except HTTPError as error:
        fail(
            f"{url} does not tell its coverage, as an ephemeral server would: it says {error.code}"
        )
    except (URLError, OSError) as error:
        fail(f"{url} does not tell its coverage, as an ephemeral server would: {reason(error)}")
    except ValueError:
        fail(f"{url} does not tell its coverage, as an ephemeral server would: it sends no JSON")
    found = Coverage()
    try:
        found.add(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        fail(f"{url} does not tell its coverage, as an ephemeral server would")
    return found
