"""What a job would keep if it were stopped now, and whether it is to be."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite, and so drop what refers to its rows.
    op.add_column(
        "jobs",
        sa.Column("stop_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("jobs", sa.Column("results", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("jobs", "results")
    op.drop_column("jobs", "stop_requested")
