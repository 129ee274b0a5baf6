"""People who are deactivated or have a quota of their own, and when keys were last used."""

import sqlalchemy as sa
from alembic import op

TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch, which would make the tables anew on SQLite, and so drop what refers to their rows.
    op.add_column("users", sa.Column("deactivated_at", TIMESTAMP, nullable=True))
    op.add_column("users", sa.Column("own_quota_bytes", sa.BigInteger(), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", TIMESTAMP, nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("users", "own_quota_bytes")
    op.drop_column("users", "deactivated_at")
