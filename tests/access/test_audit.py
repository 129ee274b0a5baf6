"""Refusals on their way into the audit log: within bounds, whatever comes and whatever is away."""

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import OperationalError

from projects_api.access import audit as access_audit
from projects_api.access.audit import (
    CALLER,
    CHANGE,
    KEY,
    MAX_COUNTED,
    MAX_WAITING,
    PROJECT,
    Refusals,
    entry_of,
    is_refusal,
)
from projects_api.contract.rules import OPERATION, REQUEST_ID
from projects_api.models.audit import audit_entries
from projects_api.models.base import new_id, rows_of
from tests.support.processes import wait_until

EACH_MINUTE = 3


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it on."""

    class Clock:
        seconds = 600.0

        def monotonic(self) -> float:
            return self.seconds

    clock = Clock()
    monkeypatch.setattr(access_audit, "time", clock)
    return clock


@pytest.fixture
def database(server):
    with server.services.database.transaction() as connection:
        connection.execute(delete(audit_entries))
    return server.services.database


@pytest.fixture
def refusals(database, clock):
    refusals = Refusals(database, each_minute=EACH_MINUTE)
    yield refusals
    refusals.close()


def scope(path: str = "/api/projects", **known: str) -> dict:
    named = {"caller": CALLER, "key": KEY, "project": PROJECT}
    facts = {named[name]: value for name, value in known.items()}
    return {
        "path": path,
        "client": ("203.0.113.9", 1),
        OPERATION: "create_project",
        REQUEST_ID: new_id(),
        **facts,
    }


def written(database) -> list[dict]:
    with database.transaction(writing=False) as connection:
        order = (audit_entries.c.request_count, audit_entries.c.id)
        return rows_of(connection.execute(select(audit_entries).order_by(*order)))


def count(database) -> tuple[int, int]:
    """Give how many entries there are, and of how many requests they tell."""
    with database.transaction(writing=False) as connection:
        requests = func.coalesce(func.sum(audit_entries.c.request_count), 0)
        entries, told = connection.execute(select(func.count(), requests)).one()
    return entries, int(told)


def test_an_entry_is_written_without_being_asked_for(database, refusals):
    asked = scope(caller=new_id(), key=new_id())
    refusals.note(asked, 403)
    wait_until(lambda: count(database)[0], "the entry")
    (entry,) = written(database)
    assert (entry["user_id"], entry["key_id"]) == (asked[CALLER], asked[KEY])
    assert (entry["request_id"], entry["client"]) == (asked[REQUEST_ID], "203.0.113.9")
    assert (entry["operation"], entry["status"]) == ("create_project", 403)


def test_a_flood_without_a_key_is_counted(database, refusals, clock):
    for _ in range(5000):
        clock.seconds += 0.01  # fifty seconds of a minute
        refusals.note(scope(f"/api/projects/{new_id()}"), 401)
    refusals.close()
    entries = written(database)
    assert [one["request_count"] for one in entries] == [1] * EACH_MINUTE + [5000 - EACH_MINUTE]
    last = entries[-1]
    assert last["status"] == 401
    names = ("user_id", "key_id", "project_id", "resource_id", "operation", "request_id", "client")
    assert [last[name] for name in names] == [None] * len(names)


def test_a_flood_hides_nobody_else(database, refusals):
    for _ in range(5000):
        refusals.note(scope(), 401)
    other = new_id()
    refusals.note(scope(caller=other, key=new_id()), 403)
    refusals.close()
    assert [one["user_id"] for one in written(database)].count(other) == 1


def test_each_minute_has_its_own_share(database, refusals, clock):
    for minute in range(3):
        clock.seconds = 600.0 + 60 * minute
        for _ in range(10):
            refusals.note(scope(), 401)
    refusals.close()
    assert count(database) == (3 * (EACH_MINUTE + 1), 30)


def test_what_was_counted_is_written_when_its_minute_ends(database, refusals, clock):
    clock.seconds = 659.99
    for _ in range(10):
        refusals.note(scope(), 401)
    wait_until(lambda: count(database)[0] == EACH_MINUTE, "those with an entry each")
    clock.seconds = 660.0
    wait_until(lambda: count(database) == (EACH_MINUTE + 1, 10), "the others")


def test_the_kinds_that_are_counted_are_bounded(database, refusals):
    caller = new_id()
    for number in range(MAX_COUNTED * 3):
        refusals.note(scope(caller=caller, key=new_id(), project=new_id()), 403 + number % 2)
    refusals.close()
    entries, told = count(database)
    assert told == MAX_COUNTED * 3
    assert entries <= EACH_MINUTE + MAX_COUNTED + 2


def test_a_database_that_is_away_is_waited_for_within_bounds(database, refusals, monkeypatch):
    add_all, tries = access_audit.audit.add_all, []

    def fail(*arguments):
        tries.append(arguments)
        raise OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr(access_audit, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(access_audit.audit, "add_all", fail)
    for _ in range(MAX_WAITING * 2):
        refusals.note(scope(caller=new_id()), 403)
    wait_until(lambda: len(tries) > 2, "another try")
    assert len(refusals._waiting) <= MAX_WAITING
    monkeypatch.setattr(access_audit.audit, "add_all", add_all)
    wait_until(lambda: count(database)[0], "what was kept back")
    refusals.close()
    assert count(database)[1] >= MAX_WAITING


def test_what_is_a_refusal():
    change = {CHANGE: True}
    assert [is_refusal({}, status) for status in (401, 403)] == [True, True]
    assert [is_refusal({}, status) for status in (200, 404, 409, 422, 429, 500)] == [False] * 6
    assert [is_refusal(change, status) for status in (404, 409, 412, 413, 422, 429)] == [True] * 6
    assert [is_refusal(change, status) for status in (200, 201, 500, 503)] == [False] * 4


def test_of_what_was_made_its_own_path_tells():
    project, made = new_id(), new_id()
    told = entry_of(scope("/api/projects"), 201, f"/api/projects/{made}")
    assert (told["project_id"], told["resource_id"]) == (made, made)
    told = entry_of(scope("/api/datasets/upload", project=project), 201, f"/api/datasets/{made}")
    assert (told["project_id"], told["resource_id"]) == (project, made)
    told = entry_of(scope(f"/api/mlops/projects/{project}/deployments"), 403)
    assert (told["project_id"], told["resource_id"]) == (project, project)
    told = entry_of(scope(f"/api/projects/{project.upper()}/members/{made}"), 404)
    assert (told["project_id"], told["resource_id"]) == (project, made)


def test_what_is_put_back_takes_what_room_there_is(database, refusals, monkeypatch):
    monkeypatch.setattr(access_audit, "RETRY_SECONDS", 0.0)
    waiting, batch = [{"status": n} for n in range(MAX_WAITING - 1)], [{"status": -1}] * 3
    for room in (1, 0):
        refusals._waiting = list(waiting)
        assert refusals._put_back(batch)
        assert refusals._waiting == batch[:room] + waiting
        waiting = refusals._waiting
    refusals._waiting = []


def test_the_client_of_an_entry_is_bounded():
    told = entry_of({**scope(), "client": ("x" * 65, 1)}, 401)
    assert told["client"] == "x" * 64
    assert entry_of({**scope(), "client": None}, 401)["client"] is None
