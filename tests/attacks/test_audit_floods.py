"""Refused requests fill no database, however many come, and hide nobody among them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from projects_api.database import Database
from projects_api.models.audit import audit_entries
from projects_api.settings import Settings
from tests.conftest import running
from tests.support.processes import wait_until

EACH_MINUTE, SENT, AT_ONCE = 2, 400, 8


@pytest.fixture
def settings(new_database_url, tmp_path):
    return Settings(
        _env_file=None,
        database_url=new_database_url,
        data_dir=tmp_path,
        audit_refusals_per_minute=EACH_MINUTE,
        maintenance_seconds=3600,
        threads=8,
    )


def told(settings, *where) -> tuple[int, int]:
    """Give how many entries there are, and of how many requests they tell."""
    requests = func.coalesce(func.sum(audit_entries.c.request_count), 0)
    statement = select(func.count(), requests).where(*where)
    with closing(Database(settings.database)) as database, database.connect() as connection:
        entries, count = connection.execute(statement).one()
    return entries, int(count)


def test_wrong_keys_in_hundreds_leave_a_handful_of_entries(settings):
    with running(settings) as guarded, ThreadPoolExecutor(AT_ONCE) as pool:
        eve, alice = guarded.anonymous(), guarded.person("Alice Chen")
        wrong = {"Authorization": "Bearer pak_0123456789abcdef_wrong"}

        def knock(number: int) -> int:
            headers = wrong if number % 2 else {}
            return eve.get(f"/api/projects?offset={number}", headers=headers).status_code

        assert set(pool.map(knock, range(SENT // 2))) == {401}
        project_id = alice.create_project()
        assert alice.put(f"/api/projects/{project_id}", json={}).status_code == 422
        assert set(pool.map(knock, range(SENT // 2, SENT))) == {401}
        mine = audit_entries.c.user_id == alice.user_id
        wait_until(lambda: told(settings, mine) == (2, 2), "her change and her refusal")
    entries, requests = told(settings, audit_entries.c.user_id.is_(None))
    assert requests == SENT
    # Two minutes at most, as slow as the machine may be in this moment; three for good measure.
    assert entries <= 3 * (EACH_MINUTE + 1)


def test_a_member_who_is_refused_all_the_time(settings):
    with running(settings) as guarded:
        alice, bob = guarded.person("Alice Chen"), guarded.person("Bob Smith")
        project_id = alice.create_project()
        assert alice.share(project_id, bob, "viewer").status_code == 201
        for _ in range(50):
            assert bob.delete(f"/api/projects/{project_id}").status_code == 403
    with running(settings) as again:
        owner = replace(alice, server=again)
        items = owner.get(f"/api/projects/{project_id}/audit").json()["items"]
    theirs = [one for one in items if one["user_id"] == bob.user_id]
    assert sum(one["request_count"] for one in theirs) == 50
    assert {(one["operation"], one["status"]) for one in theirs} == {("delete_project", 403)}
    assert len(theirs) <= 3 * (EACH_MINUTE + 1)


def test_reads_write_nothing(settings):
    with running(settings) as guarded:
        alice = guarded.person("Alice Chen")
        project_id = alice.create_project()
        for path in ("", "/members", "/timeline", "/audit"):
            assert alice.get(f"/api/projects/{project_id}{path}").status_code == 200
        assert alice.get("/api/usage").status_code == 200
        assert alice.get("/api/projects/00000000-0000-7000-8000-000000000000").status_code == 404
    assert told(settings) == (1, 1)
