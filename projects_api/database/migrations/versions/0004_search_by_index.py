"""Search by index: each membership carries its project's texts, and has them indexed by trigrams.

The index is a person's own: its cost is in what the person's projects contain, whatever else the
server holds. On SQLite a membership is kept beside the others of its person: `number` is the
person's part of the numbers (the upper half) and a place in it (the lower half), given by a
trigger. There the index is an FTS5 table; each text in it begins with a mark of three private
characters that stands for the person, because a search that begins at the person's first
membership would otherwise still read what comes before it. On PostgreSQL the index is a table
with a GIN index of numbers, each made from a person and a trigram; the extension `pg_trgm` would
leave out what a locale takes for no letter. What is found is compared with the texts, so marks and
numbers need not be exact.

Nothing of `search_...` is in the models. A later migration that makes `members` anew on SQLite must
make the triggers and indexes anew too.
"""

from importlib import import_module
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

earlier: Any = import_module("projects_api.database.migrations.versions.0002_listings_by_index")
IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COPIES = ", ".join(f"project_{name}" for name in earlier.COPIES)
ORIGINALS = ", ".join(f"projects.{name}" for name in earlier.COPIES)
TEXTS = ("project_name_folded", "project_description_folded")
PLACE = ["project_id", "created_at", "user_id", "role"]


def _document(row: str) -> str:
    """Write what FTS5 indexes of a membership on SQLite: the person's mark and the texts."""
    person = f"({row}number >> 32)"
    digits = (f"0xF0000 + (({person} >> {shift}) & 0x7FFF)" for shift in (30, 15, 0))
    texts = f"{row}project_name_folded || ' ' || {row}project_description_folded"
    return f"char({', '.join(digits)}) || {texts}"


SQLITE_INDEX = (
    """
    CREATE VIRTUAL TABLE search_grams USING fts5(
        document, content = '', tokenize = 'trigram case_sensitive 1'
    )
    """,
    f"INSERT INTO search_grams (rowid, document) SELECT number, {_document('')} FROM members",  # noqa: S608 - our own names
)
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER members_take_copies AFTER INSERT ON members BEGIN
        UPDATE members
        SET number = (
                SELECT coalesce(
                    (SELECT max(other.number) FROM members AS other
                     WHERE other.number BETWEEN mine.first AND mine.first + 0xFFFFFFFF
                     AND other.number <> NEW.number),
                    mine.first
                ) + 1
                FROM (
                    SELECT coalesce(
                        (SELECT number >> 32 FROM members
                         WHERE user_id = NEW.user_id AND number <> NEW.number LIMIT 1),
                        (SELECT (max(number) >> 32) + 1 FROM members WHERE number <> NEW.number),
                        1
                    ) << 32 AS first
                ) AS mine
            ),
            (project_name, project_created_at, project_dataset_count, project_experiment_count,
             project_model_count, project_name_folded, project_description_folded) =
            (SELECT name, created_at, dataset_count, experiment_count, model_count,
                    name_folded, description_folded
             FROM projects WHERE id = NEW.project_id)
        WHERE number = NEW.number;
    END
    """,
    """
    CREATE TRIGGER projects_give_texts
    AFTER UPDATE OF name_folded, description_folded ON projects
    WHEN (OLD.name_folded, OLD.description_folded)
        IS NOT (NEW.name_folded, NEW.description_folded) BEGIN
        UPDATE members
        SET project_name_folded = NEW.name_folded,
            project_description_folded = NEW.description_folded
        WHERE project_id = NEW.id;
    END
    """,
    f"""
    CREATE TRIGGER members_index_texts
    AFTER UPDATE OF project_name_folded, project_description_folded ON members BEGIN
        INSERT INTO search_grams (search_grams, rowid, document)
        SELECT 'delete', OLD.number, {_document("OLD.")} WHERE OLD.project_name_folded IS NOT NULL;
        INSERT INTO search_grams (rowid, document)
        SELECT NEW.number, {_document("NEW.")} WHERE NEW.project_name_folded IS NOT NULL;
    END
    """,
    f"""
    CREATE TRIGGER members_forget_texts AFTER DELETE ON members BEGIN
        INSERT INTO search_grams (search_grams, rowid, document)
        SELECT 'delete', OLD.number, {_document("OLD.")} WHERE OLD.project_name_folded IS NOT NULL;
    END
    """,
)
POSTGRESQL_INDEX = (
    # The trigrams of a text as numbers, the same for everybody. A search that would start parallel
    # workers, for PostgreSQL expects it to find thousands, takes ten times as long: hence UNSAFE.
    """
    CREATE FUNCTION search_hashes(document text) RETURNS integer[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
    BEGIN
        RETURN ARRAY(
            SELECT DISTINCT hashtext(gram)
            FROM (
                SELECT letter || lead(letter) OVER () || lead(letter, 2) OVER () AS gram
                FROM unnest(string_to_array(document, NULL)) AS letters (letter)
            ) AS trigrams
            WHERE gram IS NOT NULL
        );
    END $$
    """,
    """
    CREATE FUNCTION search_numbers(hashes integer[], person uuid) RETURNS integer[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
        SELECT ARRAY(SELECT hash # uuid_hash(person) FROM unnest(hashes) AS hash)
    $$
    """,
    """
    CREATE TABLE search_grams (
        number bigint PRIMARY KEY REFERENCES members (number) ON DELETE CASCADE,
        grams integer[] NOT NULL
    )
    """,
    """
    INSERT INTO search_grams SELECT number, search_numbers(
        search_hashes(project_name_folded || ' ' || project_description_folded), user_id
    ) FROM members
    """,
    # New entries wait in a list that every search reads, so it is kept short.
    """
    CREATE INDEX search_grams_grams ON search_grams USING gin (grams)
    WITH (gin_pending_list_limit = 64)
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE OR REPLACE FUNCTION members_take_sort_keys() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT name, created_at, dataset_count, experiment_count, model_count,
               name_folded, description_folded
        INTO NEW.project_name, NEW.project_created_at, NEW.project_dataset_count,
             NEW.project_experiment_count, NEW.project_model_count,
             NEW.project_name_folded, NEW.project_description_folded
        FROM projects WHERE id = NEW.project_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION projects_give_texts() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        hashes integer[] := search_hashes(NEW.name_folded || ' ' || NEW.description_folded);
    BEGIN
        UPDATE members
        SET project_name_folded = NEW.name_folded,
            project_description_folded = NEW.description_folded
        WHERE project_id = NEW.id;
        UPDATE search_grams SET grams = search_numbers(hashes, members.user_id)
        FROM members
        WHERE members.project_id = NEW.id AND search_grams.number = members.number;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER projects_give_texts
    AFTER UPDATE OF name_folded, description_folded ON projects FOR EACH ROW
    WHEN ((OLD.name_folded, OLD.description_folded)
        IS DISTINCT FROM (NEW.name_folded, NEW.description_folded))
    EXECUTE FUNCTION projects_give_texts()
    """,
    """
    CREATE FUNCTION members_index_texts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO search_grams VALUES (NEW.number, search_numbers(
            search_hashes(NEW.project_name_folded || ' ' || NEW.project_description_folded),
            NEW.user_id
        ));
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER members_index_texts AFTER INSERT ON members FOR EACH ROW
    WHEN (NEW.project_name_folded IS NOT NULL) EXECUTE FUNCTION members_index_texts()
    """,
)


def upgrade() -> None:
    statements: tuple[str, ...]
    if op.get_context().dialect.name == "postgresql":
        for name in TEXTS:
            op.add_column("members", sa.Column(name, sa.Text()))
        op.execute(
            "UPDATE members SET (project_name_folded, project_description_folded) = (SELECT"
            " name_folded, description_folded FROM projects WHERE id = members.project_id)"
        )
        give_numbers_on_postgresql()
        statements = (*POSTGRESQL_INDEX, *POSTGRESQL_TRIGGERS)
    else:
        op.execute("DROP TRIGGER members_take_sort_keys")
        op.execute("DROP TRIGGER projects_give_sort_keys")
        give_numbers_on_sqlite()
        statements = (*SQLITE_INDEX, *SQLITE_TRIGGERS, earlier.SQLITE_TRIGGERS[1])
    create_place_index()
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _downgrade_postgresql()
        return
    drop_index_on_sqlite()
    columns = f"project_id, user_id, role, created_at, {COPIES}"
    make_members_anew(
        [sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_members"))],
        f"INSERT INTO new_members ({columns}) SELECT {columns} FROM members",  # noqa: S608 - our own names
    )
    for statement in earlier.SQLITE_TRIGGERS:
        op.execute(statement)


def create_place_index() -> None:
    op.create_index(f"ix_members_{'_'.join(PLACE)}", "members", PLACE)


def give_numbers_on_sqlite() -> None:
    make_members_anew(
        [
            sa.Column("number", NUMBER, nullable=False),
            *(sa.Column(name, sa.Text()) for name in TEXTS),
            sa.PrimaryKeyConstraint("number", name=op.f("pk_members")),
            sa.UniqueConstraint(
                "project_id", "user_id", name=op.f("uq_members_project_id_user_id")
            ),
        ],
        f"""
        INSERT INTO new_members
            (number, project_id, user_id, role, created_at, {COPIES}, {", ".join(TEXTS)})
        SELECT (dense_rank() OVER (ORDER BY members.user_id) << 32)
               + row_number() OVER (PARTITION BY members.user_id ORDER BY members.project_id),
               members.project_id, members.user_id, members.role, members.created_at,
               {ORIGINALS}, projects.name_folded, projects.description_folded
        FROM members JOIN projects ON projects.id = members.project_id ORDER BY 1
        """,  # noqa: S608 - our own names
    )


def drop_index_on_sqlite() -> None:
    for name in ("members_take_copies", "projects_give_texts", "members_index_texts"):
        op.execute(f"DROP TRIGGER {name}")
    op.execute("DROP TRIGGER members_forget_texts")
    op.execute("DROP TRIGGER projects_give_sort_keys")
    op.execute("DROP TABLE search_grams")


def make_members_anew(parts: list[sa.schema.SchemaItem], fill: str, **options: Any) -> None:
    """Make the table anew on SQLite, with these columns and keys beside the usual ones."""
    op.create_table(
        "new_members",
        sa.Column("project_id", IDENTIFIER, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        *(sa.Column(f"project_{name}", kind) for name, kind in earlier.COPIES.items()),
        sa.CheckConstraint(
            "role IN ('viewer', 'editor', 'admin', 'owner')", name=op.f("ck_members_role")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_members_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_members_user_id_users"), ondelete="CASCADE"
        ),
        *parts,
        **options,
    )
    op.execute(fill)
    op.drop_table("members")
    op.rename_table("new_members", "members")
    for name in earlier.COPIES:
        columns = ["user_id", f"project_{name}", "project_id"]
        op.create_index(f"ix_members_{'_'.join(columns)}", "members", columns)


def give_numbers_on_postgresql() -> None:
    op.drop_constraint("pk_members", "members")
    op.add_column("members", sa.Column("number", NUMBER, sa.Identity(), nullable=False))
    op.create_primary_key("pk_members", "members", ["number"])
    op.create_unique_constraint(
        "uq_members_project_id_user_id", "members", ["project_id", "user_id"]
    )


def drop_index_on_postgresql() -> None:
    op.execute("DROP TRIGGER members_index_texts ON members")
    op.execute("DROP TRIGGER projects_give_texts ON projects")
    op.execute("DROP TABLE search_grams")
    op.execute("DROP FUNCTION members_index_texts, projects_give_texts")
    op.execute("DROP FUNCTION search_numbers, search_hashes")


def _downgrade_postgresql() -> None:
    drop_index_on_postgresql()
    op.execute(
        earlier.POSTGRESQL_TRIGGERS[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    )
    op.drop_index(f"ix_members_{'_'.join(PLACE)}", "members")
    op.drop_constraint("uq_members_project_id_user_id", "members")
    op.drop_constraint("pk_members", "members")
    op.create_primary_key("pk_members", "members", ["project_id", "user_id"])
    for name in ("number", *TEXTS):
        op.drop_column("members", name)
