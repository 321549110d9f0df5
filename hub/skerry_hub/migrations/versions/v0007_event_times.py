"""When events happened, which is not the order in which they came: boxes are cut off for days."""

from __future__ import annotations

import msgpack
import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AT_ONCE = 1000


def upgrade() -> None:
    """Write the time beside each event, and find events by it."""
    op.add_column("events", sa.Column("at", sa.Float, nullable=False, server_default=sa.text("0")))
    _fill(op.get_bind())
    for name, column in (("events_by_node", "node"), ("events_by_workload", "workload")):
        op.drop_index(name, "events")
        op.create_index(name, "events", [column, "at", "seq"])
    op.create_index("events_by_time", "events", ["at", "seq"])


def _fill(connection: sa.Connection) -> None:
    events = sa.table("events", sa.column("seq"), sa.column("at"), sa.column("content"))
    statement = (
        sa.update(events).where(events.c.seq == sa.bindparam("row")).values(at=sa.bindparam("when"))
    )
    after = 0
    while True:
        some = sa.select(events.c.seq, events.c.content).where(events.c.seq > after)
        rows = connection.execute(some.order_by(events.c.seq).limit(AT_ONCE)).all()
        if not rows:
            return
        times = [{"row": one.seq, "when": _at(one.content)} for one in rows]
        connection.execute(statement, times)
        after = rows[-1].seq


def _at(content: bytes) -> float:
    """Return when an event was; one that cannot be read is shown as the oldest."""
    try:
        return float(msgpack.unpackb(content)["at"])
    except (ValueError, KeyError, TypeError):
        return 0.0


def downgrade() -> None:
    """Go back to the order in which they came."""
    op.drop_index("events_by_time", "events")
    for name, column in (("events_by_node", "node"), ("events_by_workload", "workload")):
        op.drop_index(name, "events")
        op.create_index(name, "events", [column, "seq"])
    with op.batch_alter_table("events") as table:
        table.drop_column("at")
