"""What a server does about jobs of Ray without it: what is taken back, and what is counted."""

from collections import Counter
from collections.abc import Callable

import pytest

from projects_api.jobs import KINDS, outcome
from projects_api.jobs.ray.dispatcher import Dispatcher
from projects_api.jobs.ray.ledger import Ledger
from projects_api.metrics import metrics
from projects_api.models import job_lease
from projects_api.models.job_lease import MAX_ATTEMPTS
from tests.ray.test_dispatcher import StandIn, claim, nothing_seen, on_ray, ray, set_columns
from tests.support import job_kinds
from tests.support.metrics import scrape
from tests.support.processes import wait_until
from tests.support.work import Work

__all__ = ["nothing_seen", "ray"]

LONG_AGO = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
def ledger(work: Work) -> Ledger:
    """One that knows of no Ray yet, and has no thread."""
    return new_ledger(work)


@pytest.fixture
def counted(work: Work) -> Callable[[], dict[str, int]]:
    """Tell what ends were counted since the test began, as the page of the server shows it."""
    before = scrape(work.server.url)

    def moved() -> dict[str, int]:
        after = scrape(work.server.url)
        found = Counter()
        for name, value in after.items():
            if name[:2] == ("projects_api_jobs_ended_total", job_kinds.KIND):
                found[name[2]] += int(value - before.get(name, 0))
            if name == ("projects_api_job_seconds_count", job_kinds.KIND):
                found["measured"] += int(value - before.get(name, 0))
        return dict(+found)

    return moved


def new_ledger(work: Work) -> Ledger:
    made = Ledger(on_ray(work), list(KINDS))
    made._database = work.server.services.database
    return made


def lose(work: Work, *, times: int = 1) -> str:
    """Have a job be begun by a worker that dies, and its lease end, so many times."""
    job_id = work.add("succeed")
    for _ in range(times):
        claim(work, job_id)
        set_columns(work, job_id, lease_expires_at=LONG_AGO)
    return job_id


def finish(work: Work, job_id: str, status: str, seconds: float = 0.0) -> None:
    """End a job as its worker on a node does."""
    taken = claim(work, job_id)
    with work.server.services.database.transaction() as connection:
        assert job_lease.finish(connection, job_id, taken["owner"], status)
    if seconds:
        begun = {"started_at": LONG_AGO, "finished_at": f"2026-01-01T00:00:0{seconds}00000Z"}
        set_columns(work, job_id, **begun)


def test_a_lost_job_waits_again_while_ray_is_away(work: Work, ledger: Ledger, counted):
    lost, runs = lose(work, times=2), work.add("succeed")
    owner = claim(work, runs)["owner"]
    ledger.lose_sight()
    ledger.settle()
    back = work.server.job(lost)
    assert (back["status"], back["attempts"], back["owner"]) == ("queued", 2, None)
    assert back["lease_expires_at"] is None
    kept = work.server.job(runs)
    assert (kept["status"], kept["owner"]) == ("running", owner)
    assert claim(work, lost)["attempts"] == 3
    assert counted() == {}


def test_a_cancelled_one_is_cancelled_when_its_lease_has_ended(work: Work, ledger, counted):
    lost, runs = lose(work), work.add("succeed")
    claim(work, runs)
    for job_id in (lost, runs):
        work.cancel(job_id)
        assert work.server.job(job_id)["status"] == "running"
    ledger.lose_sight()
    ledger.settle()
    done = work.server.job(lost)
    assert (done["status"], done["message"]) == ("cancelled", outcome.ENDED_BY_CALLER.message)
    assert work.entity(lost)["status"] == "cancelled"
    assert work.server.job(runs)["status"] == "running"
    assert counted() == {"cancelled": 1, "measured": 1}


def test_a_cancel_of_one_that_was_taken_back_needs_nobody(work: Work, ledger: Ledger, counted):
    lost = lose(work)
    ledger.lose_sight()
    ledger.settle()
    work.cancel(lost)
    assert work.server.job(lost)["status"] == "cancelled"
    ledger.settle()
    assert counted() == {}  # like every job that is cancelled while it waits


def test_one_that_was_lost_too_often_has_failed(work: Work, ledger: Ledger, counted):
    lost = lose(work, times=MAX_ATTEMPTS)
    ledger.lose_sight()
    ledger.settle()
    done = work.server.job(lost)
    assert (done["status"], done["attempts"]) == ("failed", MAX_ATTEMPTS)
    assert done["message"] == outcome.ABANDONED.message
    assert work.entity(lost)["status"] == "failed"
    ledger.settle()
    assert counted() == {"failed": 1, "measured": 1}


def test_nothing_is_taken_back_before_ray_has_answered_and_nothing_that_it_has(
    work: Work, ledger: Ledger
):
    """Else a server that starts anew would take what a worker on a node is about to go on with."""
    has, has_not = lose(work), lose(work)
    ledger.settle()
    assert {work.server.job(one)["status"] for one in (has, has_not)} == {"running"}
    ledger.see(frozenset({has}))
    ledger.settle()
    assert work.server.job(has)["status"] == "running"
    assert work.server.job(has_not)["status"] == "queued"


def test_what_ended_on_nodes_is_counted_once_by_whichever_server(work: Work, ledger, counted):
    ids = [work.add("succeed") for _ in range(5)]
    others = new_ledger(work)
    for one in (ledger, others):
        one.see(frozenset(ids))
        one.settle()
    assert counted() == {}
    for job_id, status in zip(ids, ("succeeded", "failed", "failed", "cancelled"), strict=False):
        finish(work, job_id, status)
    work.cancel(ids[-1])
    ledger.see(frozenset())
    for one in (ledger, others, ledger, others):
        one.settle()
    anew = new_ledger(work)
    anew.see(frozenset(ids))
    anew.settle()
    assert counted() == {"succeeded": 1, "failed": 2, "cancelled": 1, "measured": 4}


def test_one_that_ray_had_for_a_moment_is_counted_even_while_ray_is_away(work: Work, ledger):
    job_id = work.add("succeed")
    ledger.see(frozenset({job_id}))
    ledger.see(frozenset())
    ledger.lose_sight()
    finish(work, job_id, "succeeded", seconds=2.5)
    seconds = metrics().job_seconds.labels(job_kinds.KIND)
    before = seconds._sum.get()
    ledger.settle()
    assert seconds._sum.get() - before == pytest.approx(2.5)


def test_jobs_of_workers_are_left_to_them(work: Work, ledger: Ledger, counted):
    ledger.see(frozenset())
    work.run("succeed")
    ledger.settle()
    assert counted() == {"succeeded": 1, "measured": 1}


def test_a_dispatcher_whose_ray_is_away_does_so(work: Work, ray: StandIn, counted):
    lost, cancelled = lose(work), lose(work)
    work.cancel(cancelled)
    ray.is_away = True
    with Dispatcher(on_ray(work, job_retry_seconds=3600)):
        work.wait_for(lost, "queued")
        work.wait_for(cancelled, "cancelled")
        wait_until(lambda: counted() == {"cancelled": 1, "measured": 1}, "it is counted")


def test_an_actor_that_has_a_job_in_vain_since_ray_was_away_is_ended(work: Work, ray: StandIn):
    """Its node lost the database, and so it never learns that it has lost the job."""
    job_id, waits = work.add("succeed"), work.add("succeed")
    dispatcher = Dispatcher(on_ray(work, job_retry_seconds=0))
    ledger = dispatcher._ledger
    dispatcher._database = ledger._database = work.server.services.database
    dispatcher._step()
    claim(work, job_id)
    ray.is_away = True
    dispatcher._step()
    set_columns(work, job_id, lease_expires_at=LONG_AGO)
    ledger.settle()
    ray.is_away = False
    for _ in range(4):
        dispatcher._step()
        ledger.settle()
    assert sorted(ray.held) == sorted([job_id, waits])
    asked = [one["id"] for one in ray.asked_for]
    assert (asked.count(job_id), asked.count(waits)) == (2, 1)
