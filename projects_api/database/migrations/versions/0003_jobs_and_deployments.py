"""Jobs, deployments, and what experiments, models and reports tell of themselves.

SQLite adds columns in place here: to make `experiments` or `trained_models` anew would remove
what refers to them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(length=36).with_variant(sa.Uuid(), "postgresql")
TIMESTAMP = sa.String(length=27).with_variant(sa.DateTime(timezone=True), "postgresql")
IN_PRODUCTION = sa.text("stage = 'production' AND status = 'active'")


def _given(name: str, kind: Any, default: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)


def _columns() -> dict[str, list[sa.Column[Any]]]:
    return {
        "dataset_versions": [sa.Column("profile", sa.JSON())],
        "experiments": [
            _given("engine", sa.String(length=16), "flaml"),
            _given("execution_mode", sa.String(length=16), "single"),
            _given("config", sa.JSON(), "{}"),
            sa.Column("message", sa.Text()),
            sa.Column("signature", sa.JSON()),
            sa.Column("reference", sa.JSON()),
            _given("engine_runs", sa.JSON(), "[]"),
            sa.Column("job_id", IDENTIFIER),
            sa.Column("started_at", TIMESTAMP),
            sa.Column("finished_at", TIMESTAMP),
        ],
        "trained_models": [
            _given("engine", sa.String(length=16), "flaml"),
            _given("rank", sa.BigInteger(), "1"),
            _given("is_best", sa.Boolean(), sa.false()),
            _given("parameters", sa.JSON(), "{}"),
            _given("explanation", sa.JSON(), "{}"),
            _given("evaluation", sa.JSON(), "{}"),
            sa.Column("training_seconds", sa.Float()),
        ],
    }


def upgrade() -> None:
    _create_jobs()
    _create_deployments()
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(
        "ix_trained_models_project_id_experiment_id_rank_id",
        "trained_models",
        ["project_id", "experiment_id", "rank", "id"],
    )
    op.drop_index("ix_trained_models_project_id", "trained_models")
    with op.batch_alter_table("reports") as batch:
        batch.add_column(sa.Column("pdf_artifact_id", IDENTIFIER))
        batch.add_column(_given("status", sa.String(length=16), "succeeded"))
        batch.add_column(sa.Column("message", sa.Text()))
        batch.add_column(_given("options", sa.JSON(), "{}"))
        batch.add_column(sa.Column("job_id", IDENTIFIER))
        batch.alter_column("artifact_id", existing_type=IDENTIFIER, nullable=True)
        batch.create_check_constraint(
            op.f("ck_reports_status"),
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
        )
        batch.create_foreign_key(
            op.f("fk_reports_pdf_artifact_id_artifacts"),
            "artifacts",
            ["pdf_artifact_id"],
            ["id"],
            ondelete="CASCADE",
        )
        batch.create_index("ix_reports_pdf_artifact_id", ["pdf_artifact_id"])
        batch.create_index(
            "ix_reports_project_id_created_at_id", ["project_id", "created_at", "id"]
        )
        batch.drop_index("ix_reports_project_id")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("project_id", IDENTIFIER),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("entity_id", IDENTIFIER, nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("input_sha256", sa.String(length=64)),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("stage", sa.String(length=255)),
        sa.Column("seconds_left", sa.Float()),
        sa.Column("message", sa.Text()),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("max_runtime_seconds", sa.Float(), nullable=False),
        sa.Column("max_memory_bytes", sa.BigInteger()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("owner", IDENTIFIER),
        sa.Column("lease_expires_at", TIMESTAMP),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("started_at", TIMESTAMP),
        sa.Column("finished_at", TIMESTAMP),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_status"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_jobs_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_jobs_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["input_sha256"], ["blobs.sha256"], name=op.f("fk_jobs_input_sha256_blobs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_input_sha256", "jobs", ["input_sha256"])
    op.create_index("ix_jobs_user_id", "jobs", ["user_id"])
    op.create_index("ix_jobs_entity_id", "jobs", ["entity_id"])
    op.create_index("ix_jobs_project_id", "jobs", ["project_id"])
    op.create_index("ix_jobs_status_created_at_id", "jobs", ["status", "created_at", "id"])
    op.create_table(
        "job_logs",
        sa.Column("job_id", IDENTIFIER, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_logs_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_job_logs")),
    )


def _create_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("project_id", IDENTIFIER, nullable=False),
        sa.Column("model_id", IDENTIFIER, nullable=False),
        sa.Column(
            "name",
            sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("traffic_percent", sa.BigInteger(), nullable=False),
        sa.Column("replaced_id", IDENTIFIER),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint("stage IN ('staging', 'production')", name=op.f("ck_deployments_stage")),
        sa.CheckConstraint(
            "status IN ('active', 'archived', 'inactive')", name=op.f("ck_deployments_status")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_deployments_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["trained_models.id"],
            name=op.f("fk_deployments_model_id_trained_models"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index("ix_deployments_model_id", "deployments", ["model_id"])
    op.create_index(
        "ix_deployments_project_id_created_at_id", "deployments", ["project_id", "created_at", "id"]
    )
    op.create_index(
        "uq_deployments_in_production",
        "deployments",
        ["project_id"],
        unique=True,
        sqlite_where=IN_PRODUCTION,
        postgresql_where=IN_PRODUCTION,
    )
    op.create_table(
        "deployment_inputs",
        sa.Column("deployment_id", IDENTIFIER, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name=op.f("fk_deployment_inputs_deployment_id_deployments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "number", name=op.f("pk_deployment_inputs")),
    )


def downgrade() -> None:
    op.execute("DELETE FROM reports WHERE artifact_id IS NULL")
    with op.batch_alter_table("reports") as batch:
        batch.create_index("ix_reports_project_id", ["project_id"])
        batch.drop_index("ix_reports_project_id_created_at_id")
        batch.drop_index("ix_reports_pdf_artifact_id")
        batch.drop_constraint(op.f("fk_reports_pdf_artifact_id_artifacts"), type_="foreignkey")
        batch.drop_constraint(op.f("ck_reports_status"), type_="check")
        batch.alter_column("artifact_id", existing_type=IDENTIFIER, nullable=False)
        for name in ("job_id", "options", "message", "status", "pdf_artifact_id"):
            batch.drop_column(name)
    op.create_index("ix_trained_models_project_id", "trained_models", ["project_id"])
    op.drop_index("ix_trained_models_project_id_experiment_id_rank_id", "trained_models")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
    for table in ("deployment_inputs", "deployments", "job_logs", "jobs"):
        op.drop_table(table)
