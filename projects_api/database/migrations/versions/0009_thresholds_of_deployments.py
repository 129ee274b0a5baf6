"""From which probability on a deployment chooses the positive label."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite, and so drop what refers to its rows.
    op.add_column("deployments", sa.Column("threshold", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("deployments", "threshold")
