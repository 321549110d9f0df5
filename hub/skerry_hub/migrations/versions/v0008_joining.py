"""Boxes that join, their certificates, and the tokens with which they do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "enrollments",
        sa.Column("node", sa.String(63), primary_key=True),
        sa.Column("key_digest", sa.String(64), nullable=False, unique=True),
        sa.Column("joined_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "certificates",
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("node", sa.String(63), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("issued_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
        sa.Column("join_token", sa.String(16)),
        sa.Column("certificate", sa.Text, nullable=False),
    )
    op.create_index("certificates_by_node", "certificates", ["node", "issued_at"])
    op.create_index("certificates_by_key", "certificates", ["key_digest", "issued_at"])
    op.create_table(
        "join_tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("node", sa.String(63)),
        sa.Column("revoked_at", sa.Float),
        sa.Column("content", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    for name in ("enrollments", "certificates", "join_tokens"):
        op.drop_table(name)
