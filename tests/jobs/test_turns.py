"""Nobody's jobs keep the others' waiting: turns between people, a lane for short work, a cap."""

import pytest
from sqlalchemy import delete, update

from projects_api.jobs import KINDS
from projects_api.jobs.worker import Workers
from projects_api.models import job, job_lease
from projects_api.models.base import new_id
from projects_api.models.job import jobs
from tests.support import job_kinds
from tests.support.work import PROMPT, Work


def queue(work: Work, user_id: str, kind: str, do: str = "succeed") -> str:
    with work.server.services.database.transaction() as connection:
        return job.create(
            connection,
            user_id=user_id,
            project_id=work.project_id,
            kind=kind,
            entity_id=job_kinds.add_experiment(connection, work.project_id, "asked for"),
            arguments={"do": do},
            max_runtime_seconds=60,
        )


def test_people_take_turns(work: Work):
    many, one = work.server.person().user_id, work.server.person().user_id
    first = [queue(work, many, job_kinds.KIND) for _ in range(3)]
    second = [queue(work, one, job_kinds.KIND) for _ in range(2)]
    claimed = []
    with work.server.services.database.transaction() as connection:
        while taken := job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60):
            claimed.append(taken["id"])
    assert claimed == [first[0], second[0], first[1], second[1], first[2]]


def test_short_work_waits_for_no_training(work: Work, monkeypatch):
    monkeypatch.setitem(KINDS, "train", job_kinds.MODULE)
    monkeypatch.setitem(KINDS, "report", job_kinds.MODULE)
    user_id = work.owner.user_id
    long, short = queue(work, user_id, "train", "wait"), queue(work, user_id, "report")
    with Workers(work.server.settings.model_copy(update=PROMPT), 1):
        work.wait_for(long, "running")
        work.wait_for(short, "succeeded")
        assert work.server.job(long)["status"] == "running"


def test_an_operator_says_how_long_a_job_may_take(work: Work):
    job_id = work.add("wait", seconds=3600)
    with Workers(work.server.settings.model_copy(update={**PROMPT, "job_max_seconds": 0.5}), 1):
        done = work.wait_for(job_id, "failed")
    assert "0.5 seconds" in done["message"]


def test_a_person_has_so_many_jobs_waiting_and_no_more(work: Work):
    user_id, other = work.server.person().user_id, work.server.person().user_id
    for _ in range(job.MAX_WAITING):
        queue(work, user_id, job_kinds.KIND)
    with pytest.raises(job.TooManyWaiting):
        queue(work, user_id, job_kinds.KIND)
    queue(work, other, job_kinds.KIND)
    with work.server.services.database.transaction() as connection:
        here = jobs.c.user_id == user_id
        [begun] = connection.scalars(job.jobs.select().where(here).limit(1))
        connection.execute(update(jobs).where(jobs.c.id == begun).values(status="running"))
    queue(work, user_id, job_kinds.KIND)
    with work.server.services.database.transaction() as connection:
        connection.execute(delete(jobs))
