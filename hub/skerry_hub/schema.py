"""Which migration the tables of a database have, and how they come to a later one."""

from __future__ import annotations

import pathlib

import sqlalchemy as sa

MIGRATIONS = pathlib.Path(__file__).parent / "migrations"
NEWEST = "0010"
"""The newest of the migrations, said here so that a start that has nothing to do reads none."""


class SchemaError(Exception):
    """There is no migration of that name: another version of the hub made the tables."""


def schema_of(connection: sa.Connection) -> str | None:
    """Return the migration that the tables have, None where there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def migrate(connection: sa.Connection, to: str = NEWEST) -> None:
    """Bring the tables forwards; the caller commits. Raises SchemaError."""
    if schema_of(connection) == to:
        return
    import alembic.command  # noqa: PLC0415
    import alembic.config  # noqa: PLC0415
    import alembic.util  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, to)
    except alembic.util.CommandError as error:
        raise SchemaError(str(error)) from None
