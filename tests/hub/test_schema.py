"""Which migration a database has, and how it comes to another."""

import subprocess
import sys

import pytest

from skerry_hub.schema import NEWEST, SchemaError, migrate, schema_of
from skerry_hub.store_opening import engine_at, open_store


@pytest.fixture
def engine(database):
    engine, _ = engine_at(database)
    yield engine
    engine.dispose()


def test_an_empty_database_comes_to_the_newest_step_by_step(engine):
    with engine.begin() as connection:
        assert schema_of(connection) is None
        migrate(connection, "0003")
        assert schema_of(connection) == "0003"
        migrate(connection)
        assert schema_of(connection) == NEWEST
        migrate(connection)
        assert schema_of(connection) == NEWEST


def test_one_of_another_version_of_the_hub_is_left_alone(engine):
    with engine.begin() as connection:
        migrate(connection, "0001")
        with pytest.raises(SchemaError, match="9999"):
            migrate(connection, "9999")
        assert schema_of(connection) == "0001"


def test_a_start_with_nothing_to_do_reads_no_migration(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    open_store(url).close()
    program = (
        "import sys; from skerry_hub.store_opening import open_store; "
        f"open_store({url!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
