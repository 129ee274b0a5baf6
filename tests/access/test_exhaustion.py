"""A server all of whose connections are in use says so, and goes on once they are free."""

from contextlib import ExitStack, closing, suppress

import pytest
from sqlalchemy.exc import TimeoutError as NoneFree

from tests.conftest import running
from tests.handlers.conftest import assert_problem


@pytest.fixture
def scarce(private, made_services):
    """A server, and the pool of connections that it has."""
    with running(private.model_copy(update={"threads": 1})) as scarce:
        (services,) = made_services
        pool = services.database.engine.pool
        pool._timeout = 0.05  # instead of 10 seconds
        yield scarce, pool


def test_it_is_unavailable_until_a_connection_is_free(scarce):
    server, pool = scarce
    owner = server.person()
    project_id = owner.create_project()
    requests = {
        "a write": lambda: owner.post("/api/projects", json={"name": "More"}),
        "an upload": lambda: owner.upload(project_id),
        "a download": lambda: owner.get(f"/api/projects/{project_id}/export"),
    }
    assert owner.get("/api/projects").ok
    # SQLite's readers and writers have one each, of PostgreSQL the thread.
    kept = 2 if server.services.database.is_embedded else 1
    with ExitStack() as taken:
        held = 0
        while held < pool.size() + pool._max_overflow - kept:
            with suppress(NoneFree):  # What the server does by itself has one for a moment.
                taken.enter_context(closing(pool.connect()))
                held += 1
        assert requests["a write"]().ok  # They have a connection that is kept for them.
        for name in ("an upload", "a download"):
            answer = requests[name]()
            assert_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
    assert {name: send().ok for name, send in requests.items()} == dict.fromkeys(requests, True)
