"""A commit that fails for want of room on the disk: one request fails, and nothing after it."""

import resource
import sqlite3
from datetime import UTC, datetime

import psutil
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import OperationalError

from projects_api.database import Database
from projects_api.models.base import to_text
from projects_api.models.stored_answer import stored_answers
from projects_api.models.user import users
from projects_api.settings import Settings
from tests.conftest import Person, new_postgresql, running
from tests.handlers.conftest import assert_problem
from tests.support.processes import Process, person_of, wait_until


class FullDisk:
    """Lets the database of a server grow no more while a block runs, as a full disk does.

    Its log is shorter, and grows; `for_logs` makes the disk full for it, too.
    """

    def __init__(self, process: Process, *, for_logs: bool = False) -> None:
        self._pid = process.ps.pid
        self._database = process.server.services.database
        self._log_of_writes = process.deployment.folder / "data" / "projects.db-wal"
        self._for_logs = for_logs

    def __enter__(self) -> None:
        # As long as somebody reads, SQLite begins its log of writes at the front no more.
        self._reader = self._database.connect()
        self._reader.execute(text("SELECT 1 FROM projects"))
        for _ in range(50):
            self._database.check()
        most = 1 if self._for_logs else self._log_of_writes.stat().st_size
        self._before = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (most, self._before[1]))

    def __exit__(self, *_error: object) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._before)
        self._reader.close()


@pytest.fixture
def process(local):
    # A job that began before the disk was full waits until its lease has run out.
    with local.serve(
        maintenance_seconds=0.2, job_poll_seconds=0.1, job_lease_seconds=5.0
    ) as process:
        yield process


def test_one_request_fails_and_the_next_is_served(process):
    me = person_of(process)
    with FullDisk(process):
        refused = me.post("/api/projects", json={"name": "No room", "description": "x" * 1000})
        assert_problem(refused, 503, "unavailable", "is full")
        assert int(refused.headers["retry-after"]) > 0
    # Where the turn to write were kept, this would wait for half a minute and fail.
    made = me.post("/api/projects", json={"name": "Room"}, timeout=20)
    assert made.status_code == 201
    names = [item["name"] for item in me.get("/api/projects").json()["items"]]
    assert names == ["Room"]


NO_ROOM = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN COPY (SELECT 1) TO '/dev/full'; RETURN new; END $$
"""
"""The system's own file that is always full, and PostgreSQL's own word for that."""


@pytest.mark.parametrize(
    "trigger",
    [
        "TRIGGER no_room BEFORE INSERT ON projects",
        "CONSTRAINT TRIGGER no_room AFTER INSERT ON projects DEFERRABLE INITIALLY DEFERRED",
    ],
    ids=["statement", "commit"],
)
def test_postgresql_without_room_fails_one_request_too(request, tmp_path, trigger):
    url = new_postgresql(request.getfixturevalue("postgresql"))
    with running(Settings(_env_file=None, database_url=url, data_dir=tmp_path)) as server:
        me, database = server.person(), server.services.database
        with database.transaction() as connection:
            connection.execute(text(NO_ROOM))
            connection.execute(text(f"CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION no_room()"))
        refused = me.post("/api/projects", json={"name": "No room"})
        assert_problem(refused, 503, "unavailable", "is full")
        with database.transaction() as connection:
            connection.execute(text("DROP TRIGGER no_room ON projects"))
        assert me.post("/api/projects", json={"name": "Room"}).status_code == 201
        names = [item["name"] for item in me.get("/api/projects").json()["items"]]
        assert names == ["Room"]


def test_readiness_tells(process):
    me = person_of(process)
    assert me.get("/health/ready").status_code == 200
    with FullDisk(process):
        problem = assert_problem(me.get("/health/ready"), 503, "unavailable")
        assert "the database" in problem["detail"]
        assert me.get("/health/live").status_code == 200
    assert me.get("/health/ready").status_code == 200


def is_ready(me: Person, report: str) -> bool:
    return me.get(report).json()["report"]["status"] == "succeeded"


def test_maintenance_and_workers_go_on(process):
    me = person_of(process)
    project_id = me.create_project()
    about = {"project_id": project_id, "kind": "project"}
    database = process.server.services.database
    forgotten = insert(stored_answers).values(
        user_id=select(users.c.id).limit(1).scalar_subquery(),
        idempotency_key="old",
        fingerprint="",
        expires_at=to_text(datetime(2020, 1, 1, tzinfo=UTC)),
    )
    # The process that all jobs come from begins with the first, and would keep the disk's limit.
    first, second = (
        f"/api/reports/{me.post('/api/reports', json=about).json()['report_id']}" for _ in range(2)
    )
    wait_until(lambda: is_ready(me, first), "a worker works")
    with FullDisk(process):
        # Only that process has no room. Where this stood before, maintenance forgot it in time.
        with database.transaction() as connection:
            connection.execute(forgotten)
        wait_until(lambda: process.lines("maintenance_failed"), "maintenance meets the fault")
    wait_until(lambda: is_ready(me, second), "a worker works on")

    def kept() -> int:
        with database.transaction(writing=False) as connection:
            return connection.scalar(select(func.count()).select_from(stored_answers))

    wait_until(lambda: kept() == 0, "maintenance forgets old answers")
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()


def test_the_log_may_meet_the_full_disk_too(process):
    me = person_of(process)
    with FullDisk(process, for_logs=True):
        assert me.get("/api/projects").status_code == 200
        refused = me.post("/api/projects", json={"name": "x"})
        assert_problem(refused, 503, "unavailable", "is full")
    assert me.post("/api/projects", json={"name": "y"}, timeout=20).status_code == 201


def readers_of(process: Process) -> list[psutil.Process]:
    return [one for one in process.ps.children() if "projects_api.tables.reader" in one.cmdline()]


def test_a_table_that_there_is_no_room_to_read_is_sent_again(process):
    me = person_of(process)
    project_id = me.create_project()
    table = "a,b\n" + "".join(f"{number},{number * 7919 % 100_003}\n" for number in range(60_000))
    assert me.upload(project_id).status_code == 201
    (reader,) = readers_of(process)
    before = resource.prlimit(reader.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(reader.pid, resource.RLIMIT_FSIZE, (1000, before[1]))
    assert_problem(me.upload(project_id, table.encode()), 503, "unavailable", "is full")
    resource.prlimit(reader.pid, resource.RLIMIT_FSIZE, before)
    assert me.upload(project_id, table.encode()).status_code == 201
    assert readers_of(process) == [reader]
    assert "Traceback" not in process.log.read_text()


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_no_failing_end_of_a_transaction_keeps_the_turn(tmp_path, end):
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    driver = database.engine.raw_connection().driver_connection
    assert driver is not None
    driver.begin(writing=True)
    assert driver._turn._is_taken
    driver.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)  # which refuses the end, too
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        getattr(driver, end)()
    assert not driver._turn._is_taken
    driver.close()
    database.close()


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize("outsider", [True, False])
def test_a_lock_of_somebody_else_is_an_error_of_sqlalchemy(
    tmp_path, monkeypatch, writing, outsider
):
    """What handlers and loops go by; the driver's own errors passed all of them."""
    monkeypatch.setattr("projects_api.database.sqlite.BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path / 'test.db'}"
    database = Database(url)
    holder = Database(url) if outsider else database
    with holder.transaction() as connection:
        connection.execute(text("CREATE TABLE held (a)"))
        if writing:
            with pytest.raises(OperationalError, match="locked"), database.transaction():
                pass
        else:
            with database.transaction(writing=False) as reader:
                assert reader.scalar(text("SELECT 1")) == 1
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO held VALUES (1)"))
    for one in {database, holder}:
        one.close()
