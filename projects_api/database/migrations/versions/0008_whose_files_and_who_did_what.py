"""Whose files are, which quotas are of, and the audit log.

A file from before counts for the first owner of its project.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
FIRST_OWNER = """
UPDATE artifacts SET user_id = (
    SELECT members.user_id FROM members
    WHERE members.project_id = artifacts.project_id AND members.role = 'owner'
    ORDER BY members.created_at, members.user_id LIMIT 1
)
"""
SIZE = """
UPDATE artifacts SET size_bytes = (
    SELECT blobs.size_bytes FROM blobs WHERE blobs.sha256 = artifacts.sha256
)
"""


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite, and so drop what refers to its rows.
    op.add_column("artifacts", sa.Column("user_id", IDENTIFIER, nullable=True))
    size = sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("artifacts", size)
    op.execute(FIRST_OWNER)
    op.execute(SIZE)
    op.drop_index("ix_artifacts_project_id", table_name="artifacts")
    for name in ("project_id", "user_id"):
        index = op.f(f"ix_artifacts_{name}_size_bytes")
        op.create_index(index, "artifacts", [name, "size_bytes"])
    op.create_table(
        "audit_entries",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=True),
        sa.Column("key_id", IDENTIFIER, nullable=True),
        sa.Column("project_id", IDENTIFIER, nullable=True),
        sa.Column("resource_id", IDENTIFIER, nullable=True),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("client", sa.String(length=64), nullable=True),
        sa.Column("request_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_created_at_id"),
        "audit_entries",
        ["project_id", "created_at", "id"],
    )
    op.create_index(op.f("ix_audit_entries_created_at_id"), "audit_entries", ["created_at", "id"])


def downgrade() -> None:
    op.drop_table("audit_entries")
    for name in ("project_id", "user_id"):
        op.drop_index(op.f(f"ix_artifacts_{name}_size_bytes"), table_name="artifacts")
    op.create_index(op.f("ix_artifacts_project_id"), "artifacts", ["project_id"])
    op.drop_column("artifacts", "size_bytes")
    op.drop_column("artifacts", "user_id")
