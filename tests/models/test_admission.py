"""A key and a project, asked in one statement, as each alone would be."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from projects_api.models import api_key, member, project, user
from projects_api.models.admission import admit
from projects_api.models.base import new_id
from tests.support.processes import wait_until

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


@pytest.fixture
def key(connection, user_id):
    return api_key.issue(connection, user_id=user_id, name="k")


@pytest.fixture
def others(connection):
    """A project of somebody else."""
    other = user.create(connection, email="other@example.com", name="Other")
    return project.create(connection, other, name="Not yours", description="")


locks = pytest.mark.parametrize("lock", [False, True])


@locks
def test_a_member_is_given_project_and_role(connection, user_id, key, others, lock):
    member.add(connection, others["id"], user_id, "viewer")
    caller, membership = admit(connection, key, others["id"], lock=lock)
    assert caller == api_key.authenticate(connection, key)
    assert membership == (others, "viewer")
    assert membership == project.find_for_member(connection, others["id"], user_id)


@locks
def test_others_are_given_no_project(connection, key, others, lock):
    for project_id in (others["id"], new_id()):
        found = admit(connection, key, project_id, lock=lock)
        assert found == (api_key.authenticate(connection, key), None)


@locks
def test_what_is_no_key_is_given_nothing(connection, user_id, key, lock):
    mine = project.create(connection, user_id, name="Mine", description="")
    assert admit(connection, key, mine["id"], lock=lock)[1] == (mine, "owner")
    for token in (f"{key}x", key[:-1], key.replace("pak_", ""), ""):
        assert admit(connection, token, mine["id"], lock=lock) == (None, None)
    api_key.revoke(connection, api_key.list_all(connection)[0]["id"])
    assert admit(connection, key, mine["id"], lock=lock) == (None, None)


@pytest.mark.parametrize("is_told_by_key", [True, False])
@pytest.mark.parametrize("left", [None, "viewer"])
def test_a_role_that_ended_while_the_project_was_waited_for_is_none(upgraded, is_told_by_key, left):
    with upgraded.transaction() as connection:
        owner, person = (
            user.create(connection, email=f"{new_id()}@example.com", name=name) for name in "ab"
        )
        key = api_key.issue(connection, user_id=person, name="k")
        shared = project.create(connection, owner, name="Shared", description="")["id"]
        member.put(connection, shared, person, "owner")

    def role() -> str | None:
        with upgraded.transaction() as connection:
            if is_told_by_key:
                _, found = admit(connection, key, shared, lock=True)
            else:
                found = project.find_for_member(connection, shared, person, lock=True)
        return found and found[1]

    with ThreadPoolExecutor(1) as pool:
        with upgraded.transaction() as connection:
            project.hold(connection, shared)
            waiting = pool.submit(role)
            if upgraded.is_embedded:
                time.sleep(0.1)
            else:
                with upgraded.connect() as other:
                    wait_until(lambda: other.scalar(WAITING), "the other waits")
            if left:
                member.put(connection, shared, person, left)
            else:
                member.remove(connection, shared, person)
        assert waiting.result(30) == left
