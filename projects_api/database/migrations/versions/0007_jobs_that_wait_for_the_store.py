"""Since when a job is put back for want of the database or the store; empty for all others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite, and so drop what refers to its rows.
    op.add_column("jobs", sa.Column("faulted_since", TIMESTAMP, nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "faulted_since")
