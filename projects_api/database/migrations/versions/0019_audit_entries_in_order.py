"""The audit log in the order of its key, moment and id: an entry is in two indexes, not in four.

On SQLite the table was one by row ids, with an index each of ids, of moments and of projects.
Nothing asks for an entry by its id alone.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLE, KEY, NEWEST = "audit_entries", "pk_audit_entries", "ix_audit_entries_created_at_id"
OF_PROJECT = "ix_audit_entries_project_id_created_at_id"
IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_index(NEWEST, TABLE)
        _change_key("created_at", "id")
    else:
        _make_anew("created_at", "id", sqlite_with_rowid=False)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _change_key("id")
    else:
        _make_anew("id")
    op.create_index(NEWEST, TABLE, ["created_at", "id"])


def _change_key(*key: str) -> None:
    op.drop_constraint(KEY, TABLE)
    op.create_primary_key(KEY, TABLE, list(key))


def _make_anew(*key: str, **options: Any) -> None:
    """Make SQLite's table again with another key, in the order of which its rows are copied."""
    made = op.create_table(
        f"new_{TABLE}",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        *(
            sa.Column(name, IDENTIFIER, nullable=True)
            for name in ("user_id", "key_id", "project_id", "resource_id")
        ),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("client", sa.String(length=64), nullable=True),
        sa.Column("request_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f(KEY)),
        **options,
    )
    names = made.c.keys()
    earlier = sa.table(TABLE, *(sa.column(name) for name in names))
    rows = sa.select(*earlier.c).order_by(*(earlier.c[name] for name in key))
    op.execute(made.insert().from_select(names, rows))
    op.drop_table(TABLE)
    op.rename_table(f"new_{TABLE}", TABLE)
    op.create_index(OF_PROJECT, TABLE, ["project_id", "created_at", "id"])
