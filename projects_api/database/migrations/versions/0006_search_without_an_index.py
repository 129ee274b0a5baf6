"""Search without an index: a person's memberships are gone through, and kept beside one another.

On SQLite `members` becomes a table without row ids, in the order of its key: person and project.
That is what the numbers of migration 0004 were for; they go, and the trigrams with them. The copies
stay, and so do the triggers that keep them equal, of which one now acts where two did: a change of
texts writes each membership once. A later migration that makes `members` anew on SQLite must make
the triggers anew too.
"""

from importlib import import_module
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

before: Any = import_module("projects_api.database.migrations.versions.0004_search_by_index")
SORT_KEYS = tuple(before.earlier.COPIES)
COPIED = (*SORT_KEYS, "name_folded", "description_folded")
COPIES = ", ".join(f"project_{name}" for name in COPIED)
COLUMNS = f"user_id, project_id, role, created_at, {COPIES}"
CHANGES = ", ".join(f"project_{name} = NEW.{name}" for name in COPIED)
OLD, NEW = (f"({row}.name_folded, {row}.description_folded)" for row in ("OLD", "NEW"))
ON_SORT_KEYS = f"""
    CREATE TRIGGER projects_give_sort_keys AFTER UPDATE OF {", ".join(SORT_KEYS)} ON projects"""
ON_TEXTS = """
    CREATE TRIGGER projects_give_texts
    AFTER UPDATE OF name_folded, description_folded ON projects"""
# ruff: noqa: S608 - these are our own names
SQLITE_TRIGGERS = (
    f"""
    CREATE TRIGGER members_take_copies AFTER INSERT ON members BEGIN
        UPDATE members
        SET ({COPIES}) = (SELECT {", ".join(COPIED)} FROM projects WHERE id = NEW.project_id)
        WHERE user_id = NEW.user_id AND project_id = NEW.project_id;
    END
    """,
    f"""{ON_SORT_KEYS} WHEN {OLD} IS {NEW} BEGIN
        UPDATE members
        SET {", ".join(f"project_{name} = NEW.{name}" for name in SORT_KEYS)}
        WHERE project_id = NEW.id;
    END
    """,
    f"""{ON_TEXTS} WHEN {OLD} IS NOT {NEW} BEGIN
        UPDATE members SET {CHANGES} WHERE project_id = NEW.id;
    END
    """,
)
POSTGRESQL_TRIGGERS = (
    f"""
    CREATE FUNCTION projects_give_texts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE members SET {CHANGES} WHERE project_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    f"""{ON_SORT_KEYS} FOR EACH ROW
    WHEN ({OLD} IS NOT DISTINCT FROM {NEW}) EXECUTE FUNCTION projects_give_sort_keys()
    """,
    f"""{ON_TEXTS} FOR EACH ROW
    WHEN ({OLD} IS DISTINCT FROM {NEW}) EXECUTE FUNCTION projects_give_texts()
    """,
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        before.drop_index_on_postgresql()
        op.execute("DROP TRIGGER projects_give_sort_keys ON projects")
        op.drop_constraint("uq_members_project_id_user_id", "members")
        op.drop_constraint("pk_members", "members")
        op.drop_column("members", "number")
        op.create_primary_key("pk_members", "members", ["user_id", "project_id"])
        statements = POSTGRESQL_TRIGGERS
    else:
        before.drop_index_on_sqlite()
        before.make_members_anew(
            [
                *(sa.Column(name, sa.Text()) for name in before.TEXTS),
                sa.PrimaryKeyConstraint("user_id", "project_id", name=op.f("pk_members")),
            ],
            f"INSERT INTO new_members ({COLUMNS}) SELECT {COLUMNS} FROM members ORDER BY 1, 2",
            sqlite_with_rowid=False,
        )
        before.create_place_index()
        statements = SQLITE_TRIGGERS
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER projects_give_texts ON projects")
        op.execute("DROP TRIGGER projects_give_sort_keys ON projects")
        op.execute("DROP FUNCTION projects_give_texts")
        before.give_numbers_on_postgresql()
        statements = (
            *before.POSTGRESQL_INDEX,
            *before.POSTGRESQL_TRIGGERS,
            before.earlier.POSTGRESQL_TRIGGERS[3],
        )
    else:
        for name in ("members_take_copies", "projects_give_texts", "projects_give_sort_keys"):
            op.execute(f"DROP TRIGGER {name}")
        before.give_numbers_on_sqlite()
        before.create_place_index()
        statements = (
            *before.SQLITE_INDEX,
            *before.SQLITE_TRIGGERS,
            before.earlier.SQLITE_TRIGGERS[1],
        )
    for statement in statements:
        op.execute(statement)
