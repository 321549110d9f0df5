"""Values of the hub's own, as rows. A part of `store`, which alone speaks SQL beside it."""

from __future__ import annotations

import sqlalchemy as sa

from skerry_hub import tables


def setting(connection: sa.Connection, key: str, otherwise: str) -> str:
    """Return a value; at the first time, keep `otherwise` and return it."""
    table = tables.hub
    query = sa.select(table.c.value).where(table.c.key == key)
    found = connection.execute(query).scalar_one_or_none()
    if found is not None:
        return str(found)
    connection.execute(sa.insert(table).values(key=key, value=otherwise))
    return otherwise


def put_setting(connection: sa.Connection, key: str, value: str) -> None:
    """Keep a value."""
    table = tables.hub
    changed = connection.execute(sa.update(table).where(table.c.key == key).values(value=value))
    if not changed.rowcount:
        connection.execute(sa.insert(table).values(key=key, value=value))
