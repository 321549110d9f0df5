"""The rows of a backup: out of a database of either kind, and into one."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import msgpack
import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.backup.parts import BackupError

AT_ONCE = 500
STREAMED = {"yield_per": AT_ONCE}
MOST_ROW_BYTES = 512 * 2**20


@contextlib.contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that sees one moment, whatever is committed meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        else:
            connection.exec_driver_sql("BEGIN")
        yield connection
        connection.rollback()


def names() -> list[str]:
    """Return the names of the tables of this version."""
    return sorted(tables.metadata.tables)


def dump(connection: sa.Connection, table: sa.Table, output: IO[bytes]) -> int:
    """Write a table's columns and rows; return how many rows."""
    columns = list(table.columns)
    output.write(msgpack.packb([column.name for column in columns]))
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    count = 0
    for row in connection.execute(query, execution_options=STREAMED):
        output.write(msgpack.packb([_plain(value) for value in row]))
        count += 1
    return count


def numbers(connection: sa.Connection) -> dict[str, int]:
    """Return the highest number that each table ever gave out."""
    counted = _counted(tables.metadata)
    if connection.dialect.name == "sqlite":
        there = connection.execute(sa.text("SELECT name, seq FROM sqlite_sequence"))
        found = {str(row.name): int(row.seq) for row in there}
        return {name: found.get(name, 0) for name in counted}
    given = {}
    for name, column in counted.items():
        sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(name, column)))
        # What never gave out a number says 1, and that it was not called.
        query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"  # noqa: S608
        given[name] = int(connection.scalar(sa.text(query)) or 0)
    return given


def load(connection: sa.Connection, folder: pathlib.Path, wanted: Mapping[str, int]) -> None:
    """Fill empty tables from the files of a folder, which must have so many rows each.

    Raises BackupError where a file is not what the tables take.
    """
    metadata = sa.MetaData()
    metadata.reflect(connection)
    for name, count in wanted.items():
        table = metadata.tables.get(name)
        if table is None:
            raise BackupError(f"its table {name} is none of the migration that it names")
        with (folder / name).open("rb") as file:
            if _fill(connection, table, file) != count:
                raise BackupError(f"its table {name} has not the {count} rows that it names")


def set_numbers(connection: sa.Connection, given: Mapping[str, int]) -> None:
    """Have the tables go on after these numbers."""
    for name, column in _counted(tables.metadata).items():
        last = given.get(name, 0)
        if connection.dialect.name == "sqlite":
            there = sa.text("DELETE FROM sqlite_sequence WHERE name = :name")
            connection.execute(there, {"name": name})
            new = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
            connection.execute(new, {"name": name, "last": last})
            continue
        sequence = sa.func.pg_get_serial_sequence(name, column)
        connection.execute(sa.select(sa.func.setval(sequence, max(last, 1), last > 0)))


def copy(source: sa.Connection, target: sa.Connection, chosen: Sequence[str]) -> None:
    """Replace the rows of these tables in `target` by those of `source`, of the same version."""
    for name in chosen:
        table = tables.metadata.tables[name]
        target.execute(sa.delete(table))
        result = source.execute(sa.select(table), execution_options=STREAMED)
        for some in result.mappings().partitions():
            target.execute(sa.insert(table), [dict(row) for row in some])


def copy_settings(source: sa.Connection, target: sa.Connection, keys: Sequence[str]) -> None:
    """Replace these of the hub's own settings, where `source` has them."""
    table = tables.hub
    for row in source.execute(sa.select(table).where(table.c.key.in_(keys))).mappings():
        target.execute(sa.delete(table).where(table.c.key == row["key"]))
        target.execute(sa.insert(table), dict(row))


def drop_all(connection: sa.Connection) -> None:
    """Remove the hub's tables, of whatever version."""
    there = set(sa.inspect(connection).get_table_names())
    for name in sorted(there & {*tables.metadata.tables, "alembic_version"}):
        connection.execute(sa.schema.DropTable(sa.Table(name, sa.MetaData())))


def _fill(connection: sa.Connection, table: sa.Table, file: IO[bytes]) -> int:
    unpacker = msgpack.Unpacker(file, raw=False, max_buffer_size=MOST_ROW_BYTES)
    count, waiting = 0, []
    try:
        columns = next(iter(unpacker), None)
        if not isinstance(columns, list) or set(columns) != set(table.columns.keys()):
            raise BackupError(f"its table {table.name} has other columns")
        for row in unpacker:
            if not isinstance(row, list) or len(row) != len(columns):
                raise BackupError(f"its table {table.name} has a row of another form")
            waiting.append(dict(zip(columns, row, strict=True)))
            count += 1
            if len(waiting) == AT_ONCE:
                connection.execute(sa.insert(table), waiting)
                waiting = []
        if waiting:
            connection.execute(sa.insert(table), waiting)
    except (ValueError, msgpack.UnpackException, sa.exc.SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
        raise BackupError(f"its table {table.name} cannot be read: {reason}") from None
    return count


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, (memoryview, bytearray)) else value


def _counted(metadata: sa.MetaData) -> dict[str, str]:
    """Return the tables whose rows are numbered by the database, and by which column."""
    return {
        table.name: column.name
        for table in metadata.sorted_tables
        if (column := table.autoincrement_column) is not None and column.autoincrement is True
    }
