"""The command that watches a job of a server, as any caller could."""

# ruff: noqa: PLC0415 - imported when the command runs

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from projects_api.cli.arguments import key_or_end, server_or_end
from projects_api.cli.common import USAGE, fail, id_or_end, reason

if TYPE_CHECKING:
    import httpx

WAIT_SECONDS = 2
PATIENCE_SECONDS = 60.0
UNKNOWN, INTERRUPTED = 3, 130
"""Exit statuses: of a job whose end is not known, and of Ctrl+C, as shells have it."""
_OVER = {"succeeded", "failed", "cancelled"}


def watch(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="The id of the job.")],
    *,
    base_url: Annotated[
        str, typer.Option(envvar="BASE_URL", show_envvar=True, help="The server's address.")
    ],
    api_key: Annotated[
        str, typer.Option(envvar="API_KEY", show_envvar=True, help="A key that may read.")
    ],
) -> None:
    """Show how far a job of a server is until it ends, and tell by the exit status how.

    0: it succeeded. 1: it failed. 2: the command cannot be understood. 3: how it ends is not known:
    it was stopped, the server cannot be reached or does not let this key see it. 130: Ctrl+C.
    """
    import httpx

    wanted = id_or_end(job_id, f"{job_id} is no id of a job", USAGE)
    base_url = server_or_end(base_url)
    headers = {"Authorization": f"Bearer {key_or_end(api_key)}"}
    try:
        with httpx.Client(base_url=base_url, headers=headers, timeout=PATIENCE_SECONDS) as client:
            ended = _follow(client, wanted)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{base_url} does not answer as a server of the API does: {reason(error)}", UNKNOWN)
    except (ValueError, KeyError, TypeError, AttributeError):
        fail(f"{base_url} does not answer as a server of the API does", UNKNOWN)
    typer.echo(f"{ended['status']}: {ended['message']}" if ended["message"] else ended["status"])
    raise typer.Exit({"succeeded": 0, "failed": 1}.get(ended["status"], UNKNOWN))


def _follow(client: "httpx.Client", job_id: str) -> dict[str, Any]:
    """Tell each change of a job, on a terminal as a bar; give the job once it has ended."""
    if sys.stdout.isatty():
        return _draw(client, job_id)
    told, job = "", _ask(client, job_id, 0)
    while True:
        if (line := f"{job['progress']:3.0f}%  {job['stage'] or job['status']}") != told:
            typer.echo(told := line)
        if job["status"] in _OVER:
            return job
        job = _ask(client, job_id, WAIT_SECONDS)


def _draw(client: "httpx.Client", job_id: str) -> dict[str, Any]:
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(transient=True) as progress:
        bar = progress.add_task("", total=100)
        job = _ask(client, job_id, 0)
        while job["status"] not in _OVER:
            stage = job["stage"] or job["status"]
            progress.update(bar, completed=job["progress"], description=escape(stage))
            job = _ask(client, job_id, WAIT_SECONDS)
    return job


def _ask(client: "httpx.Client", job_id: str, wait: int) -> dict[str, Any]:
    answer = client.get(f"/api/jobs/{job_id}", params={"wait": wait} if wait else {})
    body = answer.json()
    if not answer.is_success:
        fail(f"{body.get('detail') or answer.status_code}", UNKNOWN)
    job: dict[str, Any] = body["job"]
    return job
