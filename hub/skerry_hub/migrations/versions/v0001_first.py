"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "hub",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("presence", sa.LargeBinary),
        sa.Column("capability", sa.LargeBinary),
        sa.Column("report", sa.LargeBinary),
    )
    op.create_table(
        "workloads",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "assignments",
        sa.Column("id", sa.String(127), primary_key=True),
        sa.Column("workload", sa.String(63), nullable=False),
        sa.Column("node", sa.String(63), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("node", sa.String(63), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("node", sa.String(63), nullable=False),
        sa.Column("workload", sa.String(63), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_node", "events", ["node", "seq"])
    op.create_index("events_by_workload", "events", ["workload", "seq"])
    op.create_table(
        "outbox",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("retain", sa.Integer, nullable=False),
        sa.Column("expiry_s", sa.Integer),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Remove them."""
    for name in ("outbox", "events", "orders", "assignments", "workloads", "nodes", "hub"):
        op.drop_table(name)
