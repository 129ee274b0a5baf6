"""Waiting for the end of what the server works on."""

import time
from collections.abc import Callable
from typing import Any

from projects_api_client.contract import Job

_ENDS = frozenset({"succeeded", "failed", "cancelled"})
_LONGEST_PAUSE = 5.0


class JobFailed(Exception):
    """A job failed or was cancelled; `job` tells why."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"The job {job['id']} is {job['status']}: {job['message']}")


class JobTimeout(Exception):
    """A job goes on for longer than its caller waits; `job` is how it was last."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"The job {job['id']} is {job['status']}, {job['progress']} % are done")


def wait_for_end(
    ask: Callable[[float], Job],
    timeout: float | None,
    on_progress: Callable[[Job], Any] | None,
    longest_wait: float | None,
) -> Job:
    """Ask for a job until it ends; `ask` takes the seconds for which the server may wait with it.

    Where the server cannot wait, there are pauses between, each longer than the one before.
    """
    end = None if timeout is None else time.monotonic() + timeout
    pause = 0.1
    while True:
        left = float("inf") if end is None else max(0.0, end - time.monotonic())
        job = ask(min(left, longest_wait or 0.0))
        if on_progress:
            on_progress(job)
        if job["status"] == "succeeded":
            return job
        if job["status"] in _ENDS:
            raise JobFailed(job)
        if end is not None and time.monotonic() >= end:
            raise JobTimeout(job)
        if longest_wait is None:
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
