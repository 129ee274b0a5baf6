"""How long is kept what is kept for a time: neither less than is promised, nor for ever."""

import os
import time
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import func, select, update

from projects_api.access.idempotency import Claims, IdempotentRequest
from projects_api.files.content import describe
from projects_api.models import job, job_log
from projects_api.models.audit import audit_entries
from projects_api.models.base import new_id
from projects_api.models.stored_answer import stored_answers
from tests.conftest import running
from tests.support.processes import wait_until

SHORT = timedelta(seconds=1)
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
QUARTER_OF_A_DAY = timedelta(hours=6)


def create(person, key: str) -> str:
    answer = person.post("/api/projects", json={"name": "Once"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return answer.json()["project_id"]


def test_an_answer_is_kept_for_a_day(server, later):
    person = server.person()
    made = create(person, "kept")
    later(DAY - timedelta(minutes=1))
    assert create(person, "kept") == made
    later(timedelta(minutes=1) + SHORT)
    assert create(person, "kept") != made


def test_a_key_is_free_a_minute_after_its_process_died(server, later):
    """While it lives it renews its claim; here nobody does."""
    person = server.person()
    raw = b'{"name": "Once"}'
    identity = ("create_project", "/api/projects", sha256(raw).hexdigest())
    headers = {"Idempotency-Key": "runs", "Content-Type": "application/json"}

    def send() -> int:
        return person.post("/api/projects", data=raw, headers=headers).status_code

    def run():
        later(MINUTE - timedelta(seconds=20))
        assert send() == 409
        later(timedelta(seconds=20) + SHORT)
        assert send() == 201
        raise RuntimeError("the crash that ended the first request")

    claims = Claims(server.services.database)
    with pytest.raises(RuntimeError):
        IdempotentRequest(claims, person.user_id, "runs", *identity).run(run)


def test_a_content_in_use_is_kept_for_a_quarter_of_a_day(server, later, tmp_path):
    artifacts = server.services.artifacts
    file = tmp_path / "file"
    file.write_bytes(os.urandom(16))
    content = describe(file)
    with server.services.database.connect(writing=True) as connection:
        keeping = artifacts.keep(connection, {file: content})
        keeping.__enter__()  # and a crash leaves it so
        later(QUARTER_OF_A_DAY - timedelta(minutes=1))
        artifacts.collect()
        assert artifacts.store.contains(content.sha256)
        later(timedelta(minutes=1) + SHORT)
        artifacts.collect()
        assert not artifacts.store.contains(content.sha256)


def test_a_spooled_file_is_kept_for_a_quarter_of_a_day(server):
    artifacts = server.services.artifacts
    with artifacts.spool() as fresh, artifacts.spool() as old:
        for spool, age in ((fresh, -timedelta(minutes=1)), (old, SHORT)):
            moment = time.time() - (QUARTER_OF_A_DAY + age).total_seconds()
            os.utime(spool.path, (moment, moment))
        artifacts.collect()
        assert (fresh.path.exists(), old.path.exists()) == (True, False)


def test_answers_that_are_no_longer_kept_are_removed(private, later):
    with running(private.model_copy(update={"maintenance_seconds": 0.05})) as tidy:
        kept = select(func.count()).select_from(stored_answers)

        def count() -> int:
            with tidy.services.database.transaction(writing=False) as connection:
                return connection.scalar(kept)

        create(tidy.person(), "old")
        later(DAY / 2)
        create(tidy.person(), "new")
        assert count() == 2
        later(DAY / 2 + SHORT)
        wait_until(lambda: count() == 1, "the old answer is removed")
        later(DAY / 2)
        wait_until(lambda: count() == 0, "the new answer is removed, too")


def test_jobs_that_have_ended_are_forgotten_with_their_logs(private, later):
    settings = {"maintenance_seconds": 0.05, "job_days": 2, "embedded_workers": 0}
    with running(private.model_copy(update=settings)) as tidy:
        person, ids = tidy.person(), {}
        project_id = person.create_project()
        with tidy.services.database.transaction() as connection:
            for status in ("queued", "succeeded", "failed"):
                ids[status] = job.create(
                    connection,
                    user_id=person.user_id,
                    project_id=project_id,
                    kind="train",
                    entity_id=new_id(),
                    arguments={},
                    max_runtime_seconds=1,
                )
                job_log.append(connection, ids[status], ["a line"])
                this = job.jobs.c.id == ids[status]
                connection.execute(update(job.jobs).where(this).values(status=status))

        def left(table) -> set[str]:
            with tidy.services.database.transaction(writing=False) as connection:
                column = table.c.id if table is job.jobs else table.c.job_id
                return set(connection.scalars(select(column)))

        later(2 * DAY - timedelta(minutes=1))
        create(person, "meanwhile")
        assert left(job.jobs) == set(ids.values())
        later(timedelta(minutes=1) + SHORT)
        wait_until(lambda: left(job.jobs) == {ids["queued"]}, "what has ended is forgotten")
        assert left(job_log.job_logs) == {ids["queued"]}


def test_the_audit_log_forgets_what_is_old(private, later):
    settings = {"maintenance_seconds": 0.05, "audit_days": 2, "embedded_workers": 0}
    with running(private.model_copy(update=settings)) as tidy:
        person = tidy.person()
        create(person, "old")

        def left() -> set[str]:
            with tidy.services.database.transaction(writing=False) as connection:
                mine = audit_entries.c.user_id == person.user_id
                return set(connection.scalars(select(audit_entries.c.id).where(mine)))

        (old,) = left()
        later(DAY)
        create(person, "new")
        later(DAY - timedelta(minutes=1))
        create(person, "newest")
        assert len(left()) == 3
        later(timedelta(minutes=1) + SHORT)
        wait_until(lambda: old not in left(), "the oldest entry is forgotten")
        assert len(left()) == 2
