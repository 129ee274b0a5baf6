"""Listings by index: a membership carries what its project is sorted by.

A person's projects, in the order of any field, are then a walk through one index of `members`.
Triggers keep the copies equal, whoever writes. A later migration that makes `projects` or
`members` anew on SQLite must make the triggers anew too.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COPIES: dict[str, Any] = {
    "name": sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql"),
    "created_at": sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql"),
    "dataset_count": sa.BigInteger(),
    "experiment_count": sa.BigInteger(),
    "model_count": sa.BigInteger(),
}
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER members_take_sort_keys AFTER INSERT ON members BEGIN
        UPDATE members
        SET (project_name, project_created_at, project_dataset_count, project_experiment_count,
             project_model_count) =
            (SELECT name, created_at, dataset_count, experiment_count, model_count
             FROM projects WHERE id = NEW.project_id)
        WHERE project_id = NEW.project_id AND user_id = NEW.user_id;
    END
    """,
    """
    CREATE TRIGGER projects_give_sort_keys
    AFTER UPDATE OF name, created_at, dataset_count, experiment_count, model_count ON projects BEGIN
        UPDATE members
        SET project_name = NEW.name,
            project_created_at = NEW.created_at,
            project_dataset_count = NEW.dataset_count,
            project_experiment_count = NEW.experiment_count,
            project_model_count = NEW.model_count
        WHERE project_id = NEW.id;
    END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION members_take_sort_keys() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT name, created_at, dataset_count, experiment_count, model_count
        INTO NEW.project_name, NEW.project_created_at, NEW.project_dataset_count,
             NEW.project_experiment_count, NEW.project_model_count
        FROM projects WHERE id = NEW.project_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER members_take_sort_keys BEFORE INSERT ON members
    FOR EACH ROW EXECUTE FUNCTION members_take_sort_keys()
    """,
    """
    CREATE FUNCTION projects_give_sort_keys() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE members
        SET project_name = NEW.name,
            project_created_at = NEW.created_at,
            project_dataset_count = NEW.dataset_count,
            project_experiment_count = NEW.experiment_count,
            project_model_count = NEW.model_count
        WHERE project_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER projects_give_sort_keys
    AFTER UPDATE OF name, created_at, dataset_count, experiment_count, model_count ON projects
    FOR EACH ROW EXECUTE FUNCTION projects_give_sort_keys()
    """,
)


def upgrade() -> None:
    for name, kind in COPIES.items():
        op.add_column("members", sa.Column(f"project_{name}", kind, nullable=True))
    op.execute(
        "UPDATE members SET (project_name, project_created_at, project_dataset_count,"
        " project_experiment_count, project_model_count) = (SELECT name, created_at, dataset_count,"
        " experiment_count, model_count FROM projects WHERE id = members.project_id)"
    )
    for name in COPIES:
        columns = ["user_id", f"project_{name}", "project_id"]
        op.create_index(f"ix_members_{'_'.join(columns)}", "members", columns)
    op.drop_index("ix_members_user_id", "members")
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER projects_give_sort_keys ON projects")
        op.execute("DROP TRIGGER members_take_sort_keys ON members")
        op.execute("DROP FUNCTION projects_give_sort_keys, members_take_sort_keys")
    else:
        op.execute("DROP TRIGGER projects_give_sort_keys")
        op.execute("DROP TRIGGER members_take_sort_keys")
    op.create_index("ix_members_user_id", "members", ["user_id"])
    for name in COPIES:
        op.drop_index(f"ix_members_user_id_project_{name}_project_id", "members")
        op.drop_column("members", f"project_{name}")


def _triggers() -> tuple[str, ...]:
    postgresql = op.get_context().dialect.name == "postgresql"
    return POSTGRESQL_TRIGGERS if postgresql else SQLITE_TRIGGERS
