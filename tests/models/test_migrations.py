"""The schema's history: from nothing to the models and back, on both databases."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from projects_api.database import Database, schema
from projects_api.models import audit, dataset, member, project, user
from projects_api.models.base import metadata
from projects_api.models.teams import effective, project_team, team

AT_ONCE = 4
UPGRADE = """
import sys
from projects_api.database import Database
from projects_api.database.schema import upgrade
database = Database(sys.argv[1])
sys.stdin.readline()
upgrade(database)
"""


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def downgrade(database: Database, revision: str) -> None:
    with database.transaction() as connection:
        command.downgrade(schema._config(connection), revision)


def revisions() -> list[str]:
    """List the history, oldest first."""
    history = ScriptDirectory.from_config(schema._config(None)).walk_revisions()
    return [script.revision for script in history][::-1]


def test_the_history_has_one_end():
    assert ScriptDirectory.from_config(schema._config(None)).get_heads() == [schema.head()]


def test_from_nothing_to_the_models(database):
    assert tables(database) == set()
    schema.upgrade(database)
    assert tables(database) == {*metadata.tables, "alembic_version"}
    with database.transaction(writing=False) as connection:
        assert schema.current(connection) == schema.head()
        assert schema.differences(connection) == []


def test_back_to_nothing_and_up_again(database):
    schema.upgrade(database)
    downgrade(database, "base")
    assert tables(database) == {"alembic_version"}
    schema.upgrade(database)
    with database.transaction(writing=False) as connection:
        assert schema.differences(connection) == []


def test_each_step_down_and_up(database):
    schema.upgrade(database)
    for earlier, later in zip(["base", *revisions()], revisions(), strict=False):
        downgrade(database, earlier)
        with database.transaction() as connection:
            command.upgrade(schema._config(connection), later)
            assert schema.current(connection) == later


IDS = [f"0195d3a0-0000-7000-8000-00000000000{number}" for number in range(4)]
MOMENT = "2026-01-01T00:00:00.000000Z"
MADE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": """
        SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        UNION SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        UNION SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT table_name || column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public'
    """,
}
FILL = (
    f"""
    INSERT INTO users (id, email, name, created_at) VALUES
    ('{IDS[0]}', 'a@example.com', 'a', '{MOMENT}'), ('{IDS[1]}', 'b@example.com', 'b', '{MOMENT}')
    """,
    *(
        f"""
        INSERT INTO projects VALUES
        ('{IDS[number]}', '{name}', '{name.lower()}', 'Older', 'older', 'active', 2, 1, 0,
         '{MOMENT}', '{MOMENT}')
        """
        for number, name in ((2, "Old One"), (3, "Old Two"))
    ),
    *(
        f"""
        INSERT INTO members (user_id, project_id, role, created_at)
        VALUES ('{IDS[person]}', '{IDS[number]}', '{role}', '{MOMENT}')
        """
        for person, number, role in ((0, 2, "owner"), (1, 3, "viewer"), (0, 3, "owner"))
    ),
)
COPIED = ("name", "dataset_count", "name_folded", "description_folded")
INDEXED = {
    "sqlite": "SELECT rowid FROM search_grams WHERE search_grams MATCH '\"old\"'",
    "postgresql": """
        SELECT number FROM search_grams JOIN members USING (number)
        WHERE grams @> search_numbers(search_hashes('old'), user_id)
    """,
}


def made_in(database: Database) -> set[tuple[str, str]]:
    """Return what there is beside rows: names, which a trigger and its function share, with SQL.

    SQLite puts the name of a table that was renamed between quotes.
    """
    with database.transaction(writing=False) as connection:
        rows = connection.execute(text(MADE[connection.dialect.name]))
        return {(name, " ".join(sql.replace('"', "").split())) for name, sql in rows if sql}


class TestSearchWithoutAnIndex:
    """Migration 0006, with data."""

    @pytest.fixture
    def before(self, database) -> Database:
        """The schema of 0005, with two people in one project and one in another."""
        with database.transaction() as connection:
            command.upgrade(schema._config(connection), "0005")
            for statement in FILL:
                connection.execute(text(statement))
        return database

    def memberships(self, database: Database) -> list[tuple]:
        """Who is what where, since when, with the copies."""
        copies = ", ".join(f"project_{name}" for name in COPIED)
        query = f"SELECT user_id, project_id, role, created_at, {copies} FROM members ORDER BY 1, 2"
        with database.transaction(writing=False) as connection:
            return list(connection.execute(text(query)))

    def follow(self, database: Database) -> None:
        """Change a project of two members, and expect the copies to follow."""
        with database.transaction() as connection:
            connection.execute(
                text(
                    "UPDATE projects SET name = 'New', name_folded = 'new', dataset_count = 3"
                    " WHERE name = 'Old Two'"
                )
            )
        copies = [row[4:] for row in self.memberships(database) if row.project_name == "New"]
        assert copies == [("New", 3, "new", "older")] * 2

    def test_up_with_data(self, before):
        kept = self.memberships(before)
        schema.upgrade(before)
        assert self.memberships(before) == kept
        assert len(kept) == 3
        assert all(row.project_name_folded.startswith("old") for row in kept)
        assert not [name for name, _ in made_in(before) if name.startswith("search")]
        with before.transaction() as connection:
            assert connection.execute(text("DELETE FROM members WHERE role = 'viewer'")).rowcount
            for row in kept:
                member.put(connection, row.project_id, row.user_id, row.role)
        assert [row[4:] for row in self.memberships(before)] == [
            *(row[4:] for row in kept[:2]),
            kept[1][4:],
        ]

    def test_up_and_followed(self, before):
        schema.upgrade(before)
        self.follow(before)

    def test_down_with_data(self, before):
        kept, made = self.memberships(before), made_in(before)
        schema.upgrade(before)
        downgrade(before, "0005")
        assert self.memberships(before) == kept
        assert made_in(before) == made
        with before.transaction(writing=False) as connection:
            indexed = set(connection.scalars(text(INDEXED[connection.dialect.name])))
            assert indexed == set(connection.scalars(text("SELECT number FROM members")))
            assert len(indexed) == 3
        self.follow(before)


class TestTeamsInProjects:
    """Migration 0015, with data."""

    def roles(self, database: Database, columns: str = "role") -> list[tuple]:
        query = f"SELECT user_id, project_id, {columns} FROM members ORDER BY 1, 2"
        with database.transaction(writing=False) as connection:
            return [tuple(map(str, row)) for row in connection.execute(text(query))]

    @pytest.fixture
    def before(self, database) -> Database:
        with database.transaction() as connection:
            command.upgrade(schema._config(connection), "0014")
            for statement in FILL:
                connection.execute(text(statement))
        return database

    def test_up_what_was_given_is_given_directly(self, before):
        kept = self.roles(before)
        assert len(kept) == 3
        schema.upgrade(before)
        assert self.roles(before) == kept
        assert self.roles(before, "direct_role") == kept
        assert {row[2] for row in self.roles(before, "team_role")} == {"None"}

    def test_down_nobody_is_one_by_a_team(self, before):
        schema.upgrade(before)
        with before.transaction() as connection:
            one, other, first, second = IDS
            team_id = team.create(connection, one, name="T")["id"]
            team.put_person(connection, team_id, other, "member")
            for project_id in (first, second):
                project_team.add(connection, project_id, team_id, "admin")
            effective.refresh(connection, [first, second], [one, other])
        expected = [(one, first, "owner"), (one, second, "owner"), (other, first, "admin")]
        assert self.roles(before) == [*expected, (other, second, "admin")]
        downgrade(before, "0014")
        assert self.roles(before) == [*expected[:2], (other, second, "viewer")]


def test_accounts_are_off_by_themselves_that_are_so_since_another_moment(database):
    """Migration 0017, with data: accounts by when they and their owner were deactivated."""
    ids = [f"0195d3a0-0000-7000-8000-00000000000{number}" for number in range(5)]
    since = "2026-02-11T10:30:00.000000Z", "2026-02-12T10:30:00.000000Z"
    # The first two are persons, the second one of whom is deactivated.
    off = dict(zip(ids, (None, since[1], since[0], since[0], since[1]), strict=True))
    owners = {ids[2]: ids[0], ids[3]: ids[1], ids[4]: ids[1]}
    columns = "id, email, name, created_at, deactivated_at"
    person = f"INSERT INTO users ({columns}) VALUES (:i, :e, 'A', :c, :d)"
    account = "INSERT INTO service_accounts (user_id, owner_id, created_at) VALUES (:i, :o, :c)"
    with database.transaction() as connection:
        command.upgrade(schema._config(connection), "0016")
        for number, (one, moment) in enumerate(off.items()):
            told = {"i": one, "e": f"{number}@example.com", "c": since[0], "d": moment}
            connection.execute(text(person), told)
        for one, owner_id in owners.items():
            connection.execute(text(account), {"i": one, "o": owner_id, "c": since[0]})
    schema.upgrade(database)
    with database.transaction() as connection:
        query = text("SELECT user_id FROM service_accounts WHERE deactivated_at IS NOT NULL")
        assert sorted(map(str, connection.scalars(query))) == ids[2:4]
    downgrade(database, "0016")
    schema.upgrade(database)


@pytest.mark.parametrize("earlier", ["0017", "0018"])
def test_down_leaves_what_was_there_before(database, earlier):
    with database.transaction() as connection:
        command.upgrade(schema._config(connection), earlier)
    made = made_in(database)
    schema.upgrade(database)
    assert made_in(database) != made
    downgrade(database, earlier)
    assert made_in(database) == made


def test_the_audit_log_goes_up_and_down(database):
    """Migration 0019, with data: two entries of one moment and one from before, told by ids."""
    entries = text(
        "INSERT INTO audit_entries (id, created_at, operation, status, client, request_count)"
        " VALUES (:i, :c, 'get_me', 401, '127.0.0.1', 2)"
    )
    earlier = MOMENT.replace("2026", "2025")
    with database.transaction() as connection:
        command.upgrade(schema._config(connection), "0018")
        for one, moment in zip(IDS, (MOMENT, MOMENT, earlier), strict=False):
            connection.execute(entries, {"i": one, "c": moment})

    def kept() -> list[tuple]:
        with database.transaction(writing=False) as connection:
            query = text("SELECT * FROM audit_entries ORDER BY created_at, id")
            return [tuple(map(str, row._mapping.values())) for row in connection.execute(query)]

    before = kept()
    assert [row[0] for row in before] == [IDS[2], IDS[0], IDS[1]]
    schema.upgrade(database)
    assert kept() == before
    with database.transaction() as connection:
        assert audit.remove_old(connection, MOMENT.replace(":00.0", ":01.0"), most=2) == 2
        assert [one["id"] for one in audit.list_newest(connection, limit=9)] == [IDS[1]]
    downgrade(database, "0018")
    assert kept() == before[2:]


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(database):
    schema.upgrade(database)
    with database.transaction() as connection:
        owner_id = user.create(connection, email="a@example.com", name="A")
        project.create(connection, owner_id, name="Kept", description="")
    schema.upgrade(database)
    with database.transaction(writing=False) as connection:
        assert connection.scalar(text("SELECT name FROM projects")) == "Kept"


def test_threads_that_upgrade_at_once(new_database_url):
    start = threading.Barrier(AT_ONCE)

    def upgrade(_number: int) -> list[str]:
        database = Database(new_database_url)
        start.wait()
        schema.upgrade(database)
        with database.transaction(writing=False) as connection:
            found = schema.differences(connection)
        database.close()
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(upgrade, range(AT_ONCE))) == [[]] * AT_ONCE


def test_processes_that_upgrade_at_once(new_database_url, database):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, new_database_url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    for process in processes:
        process.stdin.write("now\n")
        process.stdin.flush()
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert [status for _, status in ends] == [0] * AT_ONCE, ends
    with database.transaction(writing=False) as connection:
        assert schema.differences(connection) == []


def test_a_failed_upgrade_leaves_nothing(database):
    """A migration is one transaction on both databases, whatever fails in it."""
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE datasets (id INTEGER)"))
    with pytest.raises(Exception, match="datasets"):
        schema.upgrade(database)
    assert tables(database) == {"datasets"}


class TestDifferences:
    """That the comparison sees something, or its silence would prove nothing."""

    @pytest.mark.parametrize(
        ("change", "seen"),
        [
            ("ALTER TABLE projects ADD COLUMN colour VARCHAR(9)", "colour"),
            ("ALTER TABLE reports DROP COLUMN name", "name"),
            ("DROP INDEX ix_artifacts_sha256", "ix_artifacts_sha256"),
            ("CREATE TABLE strangers (id INTEGER)", "strangers"),
        ],
    )
    def test_are_seen(self, database, change, seen):
        schema.upgrade(database)
        with database.transaction() as connection:
            connection.execute(text(change))
            assert seen in "\n".join(schema.differences(connection))


class TestConstraints:
    def test_each_has_a_name(self):
        for table in metadata.tables.values():
            assert all(constraint.name for constraint in table.constraints), table.name

    def test_foreign_keys_hold(self, connection):
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            dataset_of_no_project(connection)


def dataset_of_no_project(connection) -> None:
    connection.execute(
        dataset.datasets.insert().values(
            id="0195d3a0-0000-7000-8000-000000000000",
            project_id="0195d3a0-0000-7000-8000-000000000001",
            name="x",
            description="",
            version=1,
            created_at="2026-01-01T00:00:00Z",
            updated_at="2026-01-01T00:00:00Z",
        )
    )
