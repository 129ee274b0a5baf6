"""How the work on a job ends: what is told of it, and how that is written down."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from projects_api.jobs import KINDS
from projects_api.models import job as jobs
from projects_api.models import job_lease, job_log
from projects_api.models.job import CANCELLED
from projects_api.settings import Settings

MEBIBYTE = 1024 * 1024
Job = Mapping[str, Any]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final status, or `queued` where another worker shall do the work from the beginning."""

    status: str
    message: str | None = None
    traceback: str | None = None
    is_postponed: bool = False
    """Whether that worker shall wait, because this one had no answer from database or store, or no
    room on its disk."""


REQUEUED = Outcome("queued")
WITHOUT_ROOM = Outcome(
    "queued",
    "The disk of the worker has no room. The work begins anew when it may have.",
    is_postponed=True,
)
ENDED_BY_CALLER = Outcome("cancelled", CANCELLED)
LOST = Outcome("cancelled")
"""Never written: somebody else ended the job, removed it, or works on it."""
ABANDONED = Outcome(
    "failed",
    f"The worker that had this job stopped in the midst of it, {job_lease.MAX_ATTEMPTS} times. "
    "The server's operator finds the reason in the logs of the workers and of their machines.",
)


def too_long(seconds: float) -> Outcome:
    """Tell of work that took more than its time."""
    return Outcome(
        "failed", f"The job took longer than the {seconds:g} seconds that it may take, and ended."
    )


def too_large(memory_bytes: int) -> Outcome:
    """Tell of work that took more than its memory."""
    return Outcome(
        "failed",
        f"The job needed more than the {memory_bytes // MEBIBYTE} MiB of memory that it may have, "
        "and was ended. Try it with less data, or ask the server's operator for more.",
    )


def _tired(seconds: float) -> Outcome:
    """Tell of work that was begun anew for so long, and always in vain."""
    return Outcome(
        "failed",
        "The database or the artifact store did not answer in the midst of the work, or the disk "
        f"had no room for it, and again more than {seconds:g} seconds later. Start it again when "
        "the server is well.",
    )


def of_process(exit_status: int, failure: Mapping[str, str]) -> Outcome:
    """Tell of a process that ended by itself; `failure` is what it left.

    One that recorded its success has ended its job, so that nothing of this is written.
    """
    if failure.get("passes"):
        return Outcome("queued", failure["message"], failure.get("traceback"), is_postponed=True)
    if failure:
        return Outcome("failed", failure["message"], failure.get("traceback"))
    if exit_status == os.EX_TEMPFAIL:
        return WITHOUT_ROOM
    how = f"exit status {exit_status}"
    if exit_status == -signal.SIGKILL:
        how = "SIGKILL: most often the machine had no memory left"
    elif exit_status < 0:
        how = signal.Signals(-exit_status).name
    return Outcome(
        "failed",
        f"The process that did the work ended in the midst of it ({how}). Try it again, with less "
        "data if you can; the server's operator finds more in the log, under the id of this job.",
    )


def record(connection: Connection, job: Job, outcome: Outcome, settings: Settings) -> str:
    """Write down how work ended, unless the job was ended otherwise; return what it is now."""
    here = (job["id"], job["owner"])
    job_lease.hold_project(connection, job["project_id"])
    cancelled = job_lease.is_cancelled(connection, *here)
    if cancelled is None:
        return job_lease.find_status(connection, job["id"]) or "removed"
    if cancelled:
        outcome = ENDED_BY_CALLER
    patience = settings.job_patience_seconds
    if outcome.is_postponed and job_lease.was_postponed_before(connection, job["id"], patience):
        outcome = _tired(patience)
    if outcome.is_postponed:
        job_lease.postpone(connection, *here, settings.job_retry_seconds)
        job_log.append(connection, job["id"], [outcome.message or ""])
    elif outcome.status == "queued":
        job_lease.give_back(connection, *here)
    else:
        job_lease.finish(connection, *here, outcome.status, outcome.message)
        tell_entity(connection, job, outcome)
    return outcome.status


def cancel(connection: Connection, job: Job) -> bool:
    """Cancel a job for whoever may, and what it is about where no worker will; tell of success.

    One that runs is ended by its worker. A job that has ended stays what it is.
    """
    job_lease.hold_project(connection, job["project_id"])
    if not jobs.request_cancel(connection, job["id"]):
        return False
    is_over = job_lease.find_status(connection, job["id"]) == ENDED_BY_CALLER.status
    if is_over and job["kind"] in KINDS:  # else a kind that only newer workers know
        tell_entity(connection, job, ENDED_BY_CALLER)
    return True


def tell_entity(connection: Connection, job: Job, outcome: Outcome) -> None:
    """Let what the job is about follow the job."""
    end = import_module(KINDS[job["kind"]]).end
    try:
        with connection.begin_nested():
            end(connection, job["entity_id"], outcome.status, outcome.message)
    except OperationalError:
        raise  # Another try may succeed.
    except Exception:  # noqa: BLE001 - the job must come to its end all the same
        _log.exception("entity_not_told", job_id=job["id"], status=outcome.status)
