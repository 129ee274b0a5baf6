"""Teams, what they are in projects, and by what somebody is a member."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
NAME = sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "teams",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("made_by", IDENTIFIER, nullable=True),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_teams_made_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
    )
    op.create_index(op.f("ix_teams_made_by"), "teams", ["made_by"])
    _create_with_role("team_people", "user_id", "users", "'member', 'maintainer'", "team_id")
    _create_with_role(
        "project_teams", "project_id", "projects", "'viewer', 'editor', 'admin'", "project_id"
    )
    # No batch, which would make `members` anew on SQLite, and lose the triggers.
    op.add_column("members", sa.Column("direct_role", sa.String(length=16), nullable=True))
    op.add_column("members", sa.Column("team_role", sa.String(length=16), nullable=True))
    op.execute("UPDATE members SET direct_role = role")


def _create_with_role(table: str, column: str, referred: str, roles: str, of: str) -> None:
    """Create a table of teams with something else, listed by one of the two as it came."""
    key = ["user_id", "team_id"] if column == "user_id" else ["team_id", "project_id"]
    other = next(name for name in key if name != of)
    op.create_table(
        table,
        *(sa.Column(name, IDENTIFIER, nullable=False) for name in key),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint(f"role IN ({roles})", name=op.f(f"ck_{table}_role")),
        sa.ForeignKeyConstraint(
            [column],
            [f"{referred}.id"],
            name=op.f(f"fk_{table}_{column}_{referred}"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f(f"fk_{table}_team_id_teams"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
    )
    columns = [of, "created_at", other]
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def downgrade() -> None:
    # Without teams nobody is a member by one, and what was given to people alone holds.
    op.execute("DELETE FROM members WHERE direct_role IS NULL")
    op.execute("UPDATE members SET role = direct_role WHERE role <> direct_role")
    op.drop_column("members", "team_role")
    op.drop_column("members", "direct_role")
    op.drop_table("project_teams")
    op.drop_table("team_people")
    op.drop_table("teams")
