"""A key and a project, asked in one statement, as each alone would be."""

import pytest

from projects_api.models import api_key, member, project, user
from projects_api.models.admission import admit
from projects_api.models.base import new_id


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
