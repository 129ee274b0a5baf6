"""Addresses that are told what happens in a project, and what they are told."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
PENDING = sa.text("status = 'pending'")
PARTIAL: dict[str, Any] = {"sqlite_where": PENDING, "postgresql_where": PENDING}


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("project_id", IDENTIFIER, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_webhooks_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    of_project = op.f("ix_webhooks_project_id_created_at_id")
    op.create_index(of_project, "webhooks", ["project_id", "created_at", "id"])
    _create_deliveries()
    _create_drift_watches()
    of_webhook = op.f("ix_deliveries_webhook_id_created_at_id")
    op.create_index(of_webhook, "deliveries", ["webhook_id", "created_at", "id"])
    op.create_index(op.f("ix_deliveries_finished_at_id"), "deliveries", ["finished_at", "id"])
    op.create_index("ix_deliveries_pending", "deliveries", ["next_attempt_at"], **PARTIAL)
    columns = ["webhook_id", "sending_until"]
    op.create_index("ix_deliveries_pending_of_webhook", "deliveries", columns, **PARTIAL)


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("webhook_id", IDENTIFIER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", IDENTIFIER, nullable=True),
        sa.Column("sending_until", TIMESTAMP, nullable=True),
        sa.Column("next_attempt_at", TIMESTAMP, nullable=True),
        sa.Column("last_attempt_at", TIMESTAMP, nullable=True),
        sa.Column("finished_at", TIMESTAMP, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed')", name=op.f("ck_deliveries_status")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_deliveries_webhook_id_webhooks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )


def _create_drift_watches() -> None:
    op.create_table(
        "drift_watches",
        sa.Column("deployment_id", IDENTIFIER, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("measured_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name=op.f("fk_drift_watches_deployment_id_deployments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_drift_watches")),
    )


def downgrade() -> None:
    op.drop_table("drift_watches")
    op.drop_table("deliveries")
    op.drop_table("webhooks")
