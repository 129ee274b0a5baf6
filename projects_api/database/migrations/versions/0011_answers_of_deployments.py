"""What a deployment answered about the rows that it was asked about, and what was true."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch, which would make the table anew on SQLite.
    op.add_column("deployment_inputs", sa.Column("prediction", sa.Float(), nullable=True))
    op.add_column("deployment_inputs", sa.Column("probabilities", sa.JSON(), nullable=True))
    op.add_column("deployment_inputs", sa.Column("truth", sa.Float(), nullable=True))


def downgrade() -> None:
    for name in ("truth", "probabilities", "prediction"):
        op.drop_column("deployment_inputs", name)
