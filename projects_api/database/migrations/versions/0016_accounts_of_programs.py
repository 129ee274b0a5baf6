"""Service accounts: which users are programs, and who answers for them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "service_accounts",
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("owner_id", IDENTIFIER, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["users.id"],
                name=op.f(f"fk_service_accounts_{column}_users"),
                ondelete="CASCADE",
            )
            for column in ("user_id", "owner_id")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_service_accounts")),
    )
    op.create_index(
        op.f("ix_service_accounts_owner_id_created_at_user_id"),
        "service_accounts",
        ["owner_id", "created_at", "user_id"],
    )


def downgrade() -> None:
    # Without the table nobody could tell programs from people: they stay, and no key of theirs.
    programs = "(SELECT user_id FROM service_accounts)"
    op.execute(f"DELETE FROM api_keys WHERE user_id IN {programs}")  # noqa: S608 - our own text
    op.drop_table("service_accounts")
