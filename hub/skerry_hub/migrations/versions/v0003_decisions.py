"""What placement decided, and what it decided from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "decisions",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("log", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "decision_workloads",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("workload", sa.String(63), primary_key=True),
        sa.Column("unplaced", sa.Integer),
    )
    op.create_index("decisions_by_workload", "decision_workloads", ["workload", "seq"])
    op.create_table(
        "fleet_log",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "fleet_blobs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("log", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("fleet_blobs_by_log", "fleet_blobs", ["log"])


def downgrade() -> None:
    """Remove them."""
    for name in ("fleet_blobs", "fleet_log", "decision_workloads", "decisions"):
        op.drop_table(name)
