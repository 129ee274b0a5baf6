"""No statement of a request's way reads a whole table, on either database.

The statements are those that the functions really execute, on a filled database, before and after
it has counted what it holds: SQLite counts only when it is told to.
"""

import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event, literal, make_url, select, text

from projects_api.database import Database
from projects_api.models import (
    api_key,
    audit,
    dataset,
    member,
    project,
    statements,
    timeline,
    usage,
    user,
)
from projects_api.models.admission import admit
from projects_api.models.base import new_id
from projects_api.models.member import SORT_FIELDS
from projects_api.models.project import projects
from projects_api.models.statements import DriverStatement
from projects_api.settings import Settings
from tools.bench import seed
from tools.bench.seed import Facts

PROJECTS, OF_CALLER, EVENTS, ENTRIES = 8_000, 200, 4_000, 10_000
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
TOGETHER = {
    "sqlite": "SEARCH members USING PRIMARY KEY (user_id=?)",
    "postgresql": "Index Cond: (user_id = ",
}
WHOLE = re.compile(r"(?:\bSCAN|Seq Scan on) (\w+)")
LARGE = {
    *("projects", "members", "datasets", "dataset_versions", "experiments"),
    *("artifacts", "audit_entries"),
}


@dataclass
class Filled:
    """A filled database, and what is known of its content."""

    database: Database
    facts: Facts
    caller: str


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return fill(tmp_path_factory.mktemp("plans"), "")


@pytest.fixture(scope="module", params=["sqlite", "sqlite, analysed", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    if request.param == "postgresql":
        url = new_postgresql(request.getfixturevalue("postgresql"))
        return fill(tmp_path_factory.mktemp("plans"), url)
    filled: Filled = request.getfixturevalue("on_sqlite")
    if request.param == "sqlite, analysed":
        with filled.database.transaction() as connection:
            connection.execute(text("ANALYZE"))
    return filled


@pytest.fixture
def connection(filled: Filled) -> Iterator[Connection]:
    """A connection whose changes are undone."""
    with filled.database.connect(writing=True) as connection:
        yield connection


def fill(folder: Path, url: str) -> Filled:
    """Fill a database, and have it count what it holds where it does so by itself."""
    settings = Settings(_env_file=None, data_dir=folder, database_url=url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seed, "MOST_OF_CALLER", OF_CALLER)
        facts = seed.seed(settings, projects=PROJECTS, events=EVENTS, export_bytes=1000)
    database = Database(settings.database)
    with database.transaction() as connection:
        caller = user.find_id(connection, seed.email_of(seed.CALLER))
        entry = {"created_at": "2026-02-28T14:30:00Z", "status": 200, "request_count": 1}
        ids = [one for one in facts.projects for _ in range(ENTRIES // len(facts.projects))]
        audit.add_all(connection, [{"id": new_id(), "project_id": one, **entry} for one in ids])
        if not database.is_embedded:
            connection.execute(text("ANALYZE audit_entries"))
    return Filled(database, facts, caller)


def listing(**options: Any) -> Callable[[Connection, Filled], object]:
    """Make a call of a listing."""
    usual = {"search": None, "sort_field": "created_at", "sort_direction": "desc"}
    options = {**usual, "limit": 50, "offset": 0, **options}
    return lambda connection, filled: project.list_for_member(connection, filled.caller, **options)


def events(**options: Any) -> Callable[[Connection, Filled], object]:
    """Make a call of a timeline."""
    options = {"kind": None, "limit": 100, "offset": 0, **options}
    return lambda connection, filled: timeline.list_events(
        connection, filled.facts.long_timeline, **options
    )


CALLS: dict[str, Callable[[Connection, Filled], object]] = {
    "authenticate": lambda c, f: api_key.authenticate(c, f.facts.key),
    "admit": lambda c, f: admit(c, f.facts.key, f.facts.projects[0]),
    "get": lambda c, f: project.find_for_member(c, f.facts.projects[0], f.caller),
    "get and lock": lambda c, f: project.find_for_member(
        c, f.facts.projects[0], f.caller, lock=True
    ),
    **{
        f"list by {field} {direction}": listing(sort_field=field, sort_direction=direction)
        for field in SORT_FIELDS
        for direction in ("asc", "desc")
    },
    "list far": listing(offset=OF_CALLER - 50),
    "search": listing(search="fraud"),
    "search by count": listing(search="fraud", sort_field="model_count"),
    "search with quotes": listing(search="fr\"'%_"),
    "search of nothing": listing(search="nowhere"),
    "search in all": listing(search="department"),
    "search in all, last page": listing(search="department", offset=OF_CALLER - 50),
    "search of two characters": listing(search="fr"),
    "search of one character": listing(search="é", sort_field="name"),
    "members": lambda c, f: member.list_for_project(c, f.facts.members, limit=100),
    "members far": lambda c, f: member.list_for_project(c, f.facts.members, limit=50, offset=150),
    "timeline": events(),
    "timeline far": events(offset=EVENTS - 100),
    "timeline of data sets": events(kind="dataset"),
    "timeline of experiments": events(kind="experiment"),
    "data sets": lambda c, f: dataset.list_for_project(c, f.facts.timeline, limit=50),
    "create": lambda c, f: project.create(c, f.caller, name="New", description=""),
    "change": lambda c, f: project.change(
        c, {"id": f.facts.projects[0]}, name="Other", description="text"
    ),
    "count": lambda c, f: project.count(c, f.facts.projects[0], "dataset_count", 1),
    "remove": lambda c, f: project.remove(c, f.facts.projects[1]),
    "add a member": lambda c, f: member.put(
        c, f.facts.projects[0], user.find_id(c, f.facts.emails[7]), "viewer"
    ),
    "remove a member": lambda c, f: member.remove(c, f.facts.projects[0], f.caller),
    "files of a project": lambda c, f: usage.of_project(c, f.facts.projects[0]),
    "files of a person": lambda c, f: usage.of_person(c, f.caller),
    "files of a person's projects": lambda c, f: usage.list_owned(c, f.caller, limit=9, offset=0),
    "audit log": lambda c, f: audit.list_for_project(c, f.facts.projects[0], limit=9, offset=0),
    "audit log's end": lambda c, _: audit.remove_old(c, "2026-01-01T00:00:00Z", most=9),
    "owners": lambda c, f: member.has_owner(c, f.facts.members),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_table_is_read_whole(connection, filled, call):
    plans = plans_of(connection, lambda: CALLS[call](connection, filled))
    assert plans
    assert {sql: found for sql, lines in plans if (found := whole_reads(lines))} == {}


def test_a_whole_read_is_seen(connection):
    def read() -> None:
        DriverStatement(select(projects.c.id).where(projects.c.description == literal(""))).all(
            connection
        )

    ((_, lines),) = plans_of(connection, read)
    assert whole_reads(lines)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", SORT_FIELDS)
def test_a_listing_walks_the_index_of_its_order(connection, filled, field, direction):
    call = listing(sort_field=field, sort_direction=direction)
    (_, page), _ = plans_of(connection, lambda: call(connection, filled))
    assert f"ix_members_user_id_project_{field}_project_id" in "\n".join(page)


@pytest.mark.parametrize("wanted", ["fraud", "department", "fr"])
def test_a_search_goes_through_the_memberships_of_the_caller(connection, filled, wanted):
    call = listing(search=wanted)
    ((_, lines),) = plans_of(connection, lambda: call(connection, filled))
    (read,) = [line for line in lines if TOGETHER[connection.dialect.name] in line]
    assert "covering" not in read.lower()


def plans_of(connection: Connection, call: Callable[[], object]) -> list[tuple[str, list[str]]]:
    """Give what a call executes, each statement with the lines of its plan."""
    plans = []
    run = statements._Plan.run

    def explain(plan: Any, connection: Connection, parameters: Any, *how: str) -> Any:
        if connection.dialect.name == "postgresql":
            # A table of these few pages is read whole sooner where seeking is thought to be slow.
            connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
        explained = copy(plan)
        explained.sql = f"{EXPLAIN[connection.dialect.name]} {plan.sql}"
        explained._readers = {}
        lines = [str(row[-1]).strip() for row in run(explained, connection, parameters)]
        plans.append((plan.sql, lines))
        return run(plan, connection, parameters, *how)

    def explain_core(connection, _cursor, statement, parameters, *_):
        if not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            return
        driver = connection.connection.dbapi_connection.cursor()
        if connection.dialect.name == "postgresql":
            driver.execute("SET LOCAL random_page_cost = 1.1")
        driver.execute(f"{EXPLAIN[connection.dialect.name]} {statement}", parameters)
        plans.append((statement, [str(row[-1]).strip() for row in driver.fetchall()]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements._Plan, "run", explain)
        event.listen(connection, "before_cursor_execute", explain_core)
        call()
        event.remove(connection, "before_cursor_execute", explain_core)
    return plans


def whole_reads(lines: list[str]) -> list[str]:
    """Give the lines of a plan that read a large table from its beginning to its end."""
    found = [(line, WHOLE.search(line)) for line in lines]
    return [line for line, match in found if match and match[1] in LARGE]


def new_postgresql(server: str) -> str:
    """Make a database on a PostgreSQL server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE plans")
    return make_url(server).set(database="plans").render_as_string(hide_password=False)
