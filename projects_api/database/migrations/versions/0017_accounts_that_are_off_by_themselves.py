"""Which accounts of programs are deactivated by themselves, and not with their owner alone."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
# Until now only the moment told it: with the owner is at the same one.
BY_THEMSELVES = """
UPDATE service_accounts
SET deactivated_at = (SELECT u.deactivated_at FROM users u WHERE u.id = service_accounts.user_id)
WHERE NOT EXISTS (
    SELECT 1 FROM users u JOIN users o ON o.deactivated_at = u.deactivated_at
    WHERE u.id = service_accounts.user_id AND o.id = service_accounts.owner_id
)
"""


def upgrade() -> None:
    op.add_column("service_accounts", sa.Column("deactivated_at", TIMESTAMP))
    op.execute(BY_THEMSELVES)


def downgrade() -> None:
    op.drop_column("service_accounts", "deactivated_at")
