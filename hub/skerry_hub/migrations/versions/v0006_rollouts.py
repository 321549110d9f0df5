"""The histories of workloads, and the rollouts by which their instances are updated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables; what each workload is now becomes the first revision of its history."""
    op.create_table(
        "revisions",
        sa.Column("workload", sa.String(63), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("who", sa.String(253), nullable=False),
        sa.Column("back_to", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rollouts",
        sa.Column("workload", sa.String(63), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rollout_instances",
        sa.Column("id", sa.String(127), primary_key=True),
        sa.Column("workload", sa.String(63), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("rollout_instances_by_workload", "rollout_instances", ["workload"])
    op.execute(
        "INSERT INTO revisions (workload, number, at, cause, who, back_to, content) "
        "SELECT name, 1, updated_at, 'apply', '', 0, content FROM workloads"
    )


def downgrade() -> None:
    """Remove them."""
    for name in ("rollout_instances", "rollouts", "revisions"):
        op.drop_table(name)
