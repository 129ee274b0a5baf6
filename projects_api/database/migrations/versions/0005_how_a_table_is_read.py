"""How a table is read: shown by its version; empty for those from before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite, and so drop what refers to its rows.
    column = sa.Column("reading", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("dataset_versions", column)


def downgrade() -> None:
    op.drop_column("dataset_versions", "reading")
