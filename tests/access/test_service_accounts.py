"""Service accounts work only as long as who answers for them does."""

from dataclasses import replace

import pytest

from tests.handlers.conftest import assert_problem
from tests.handlers.test_service_accounts import make, make_key, works


def act(operator, user_id: str, what: str) -> str | None:
    answer = operator.post(f"/api/admin/people/{user_id}/{what}")
    assert answer.status_code == 200
    return answer.json()["person"]["deactivated_at"]


@pytest.fixture
def operator(server):
    return server.person("Olga", ("admin",))


@pytest.fixture
def owner(server):
    return server.person("Alice Chen")


def test_an_owner_takes_the_accounts_along_and_brings_them_back(owner, operator):
    first, second = make(owner), make(owner)
    keys = [make_key(owner, one["id"], "read").json()["secret"] for one in (first, second)]
    act(operator, second["id"], "deactivate")
    assert [works(owner, key) for key in keys] == [True, False]
    act(operator, owner.user_id, "deactivate")
    assert [works(owner, key) for key in (*keys, owner.key)] == [False, False, False]
    # It is its owner's word that counts.
    path = f"/api/admin/people/{first['id']}/activate"
    assert_problem(operator.post(path), 409, "owner-deactivated", "owner first")
    assert not works(owner, keys[0])
    act(operator, owner.user_id, "activate")
    # The one that was deactivated by itself stays so.
    assert [works(owner, key) for key in (*keys, owner.key)] == [True, False, True]
    assert act(operator, second["id"], "activate") is None
    assert works(owner, keys[1])


@pytest.mark.parametrize("owner_first", [False, True])
def test_one_that_is_deactivated_by_itself_stays_so_whatever_its_owner_is(
    owner, operator, owner_first
):
    account = make(owner)
    key = make_key(owner, account["id"], "read").json()["secret"]
    both = [owner.user_id, account["id"]]
    for user_id in both if owner_first else both[::-1]:
        act(operator, user_id, "deactivate")
    for _ in range(2):
        act(operator, owner.user_id, "activate")
        assert (works(owner, key), works(owner, owner.key)) == (False, True)
        act(operator, owner.user_id, "deactivate")
    act(operator, owner.user_id, "activate")
    assert act(operator, account["id"], "activate") is None
    assert works(owner, key)
    # Activated, it is deactivated with its owner alone again.
    act(operator, owner.user_id, "deactivate")
    act(operator, owner.user_id, "activate")
    assert works(owner, key)


def test_who_answers_for_nobody_changes_nothing_of_others(server, owner, operator):
    other = server.person()
    key = make_key(owner, make(owner)["id"], "read").json()["secret"]
    act(operator, other.user_id, "deactivate")
    assert works(owner, key)
    act(operator, other.user_id, "activate")
    assert replace(owner, key=key).get("/api/teams").status_code == 200
