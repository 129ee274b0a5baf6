"""The command that watches a job of a server, as any caller could."""

# ruff: noqa: PLC0415 - imported when the command runs

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from projects_api.cli.common import fail, id_or_end

if TYPE_CHECKING:
    import httpx

WAIT_SECONDS = 2
PATIENCE_SECONDS = 60.0
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
    """Show how far a job of a server is until it ends; fail where it does."""
    import httpx

    wanted = id_or_end(job_id, f"{job_id} is no id of a job")
    if not api_key.isascii():
        fail("the key has letters that no key has: copy it once more")
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        with httpx.Client(base_url=base_url, headers=headers, timeout=PATIENCE_SECONDS) as client:
            ended = _follow(client, wanted)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fail(f"{base_url} does not answer as a server of the API does: {error}")
    typer.echo(f"{ended['status']}: {ended['message']}" if ended["message"] else ended["status"])
    if ended["status"] != "succeeded":
        raise typer.Exit(1)


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
    from rich.progress import Progress

    with Progress(transient=True) as progress:
        bar = progress.add_task("", total=100)
        job = _ask(client, job_id, 0)
        while job["status"] not in _OVER:
            stage = job["stage"] or job["status"]
            progress.update(bar, completed=job["progress"], description=stage)
            job = _ask(client, job_id, WAIT_SECONDS)
    return job


def _ask(client: "httpx.Client", job_id: str, wait: int) -> dict[str, Any]:
    answer = client.get(f"/api/jobs/{job_id}", params={"wait": wait} if wait else {})
    body = answer.json()
    if not answer.is_success:
        fail(f"{body.get('detail') or answer.status_code}")
    job: dict[str, Any] = body["job"]
    return job
