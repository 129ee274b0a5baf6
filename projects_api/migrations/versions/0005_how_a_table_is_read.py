"""How a table is read: shown by its version; null of those from before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset_versions", sa.Column("reading", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("dataset_versions", "reading")
