"""Databases of every version that there ever was are brought forwards, with all that is in them.

`golden_databases` has one of each, written by the hub of that time (0008, which came with 0009, by
that one's migrations). It is only added to.
"""

import dataclasses
import pathlib
import re
import sqlite3

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa
from tests.hub.records import status

from skerry_hub import tables
from skerry_hub.access import audit_rows
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.schema import MIGRATIONS, NEWEST, migrate
from skerry_hub.state import Draft
from skerry_hub.store_opening import engine_at, open_store

GOLDEN = pathlib.Path(__file__).parent / "golden_databases"
NAMES = sorted(path.stem.removeprefix("v") for path in GOLDEN.glob("v*.sql"))
VERSIONS = sorted(path.stem[1:5] for path in (MIGRATIONS / "versions").glob("v*.py"))
AFTER = {"documents": "0002", "vacating": "0004", "secrets": "0005", "rollouts": "0006"}
"""Since when a golden database has some of this."""


def test_there_is_a_database_of_every_version_but_the_newest():
    # The newest needs one as soon as another follows it.
    assert set(NAMES) >= set(VERSIONS[:-1])


def test_the_newest_is_the_one_that_the_hub_takes_for_it():
    assert VERSIONS[-1] == NEWEST


def put(name, database, folder):
    """Make a database as it was then."""
    old = folder / "old.db"
    with sqlite3.connect(old) as connection:
        connection.executescript((GOLDEN / f"v{name}.sql").read_text())
    engine, _ = engine_at(database)
    source, _ = engine_at(f"sqlite:///{old}")
    with engine.begin() as target:
        migrate(target, name)
    there = sa.MetaData()
    there.reflect(engine)
    before = {}
    with engine.begin() as target, source.connect() as found:
        for table in there.sorted_tables:
            if table.name == "alembic_version":
                continue
            rows = [dict(row) for row in found.execute(sa.select(table)).mappings()]
            before[table.name] = len(rows)
            if rows:
                target.execute(sa.insert(table), rows)
            if rows and "seq" in table.c and engine.dialect.name == "postgresql":
                # As it would be, had the server given the numbers out.
                last = max(row["seq"] for row in rows)
                sequence = sa.func.pg_get_serial_sequence(table.name, "seq")
                target.execute(sa.select(sa.func.setval(sequence, last)))
    engine.dispose()
    source.dispose()
    return before


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_database_is_of_the_version_that_its_name_says(name):
    text = (GOLDEN / f"v{name}.sql").read_text()
    assert re.findall(r"""INTO "?alembic_version"? VALUES\('(\d+)'\)""", text) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_of_an_earlier_version_is_brought_forwards_whole(name, database, tmp_path):
    before = put(name, database, tmp_path)
    store = open_store(database)
    try:
        with store._engine.connect() as connection:
            context = alembic.migration.MigrationContext.configure(
                connection, opts={"compare_type": True}
            )
            assert alembic.autogenerate.compare_metadata(context, tables.metadata) == []
            for table, count in before.items():
                query = sa.select(sa.func.count()).select_from(sa.table(table))
                assert connection.scalar(query) == count, table
        assert_known(store, name)
    finally:
        store.close()


def assert_known(store, name):
    """What it held is known, and can be changed as if it had been made today."""
    known = store.load()
    assert set(known.nodes) == {"box-1", "box-2"}
    box = known.nodes["box-1"]
    assert (box.labels, box.generation, box.diverged) == (
        {"site": "quay-3"}, 2**40, "it is ahead of this hub",
    )  # fmt: skip
    assert box.report.instances[0].state == status().state
    assert known.workloads["shop-web"].workload.replicas == 3
    assert sorted(known.assignments) == [f"shop-web-{number}" for number in range(3)]
    assert known.orders["box-1"].generation == 3
    # By when they happened, which is not the order in which they came.
    assert [one.id for one in store.events()] == ["e-2", "e-1", "e-0"]
    assert store.setting("id", "another") == "0a1b2c3d"
    assert [one.publication.topic for one in store.outbox()] == ["skerry/v1/fleet/box-1"]
    assert store.revisions("shop-web"), "what a workload is, is at least its first revision"
    for part, found in (
        ("documents", known.documents),
        ("vacating", known.vacating),
        ("secrets", known.secrets),
        ("rollouts", known.updates.rollouts),
    ):
        assert bool(found) == (name >= AFTER[part]), part
    with store.aside() as connection:
        rows = EnrollmentRows(connection)
        assert [one.node for one in rows.enrollments()] == (
            ["box-1", "box-2"] if name >= "0008" else []
        )
        assert [serial for serial, _ in rows.revoked()] == ([0xAB12] if name >= "0008" else [])
        assert audit_rows.head(connection).seq == (2 if name >= "0009" else 0)
    draft = Draft(known)
    draft.nodes.put("box-1", dataclasses.replace(box, generation=7))
    draft.nodes.remove("box-2")
    assert store.commit(draft, known) == []
    known.settle(draft)
    assert {one.id: one.generation for one in store.load().nodes.values()} == {"box-1": 7}
