"""Decisions and the fleet's log in the store, on both kinds of database."""

import dataclasses

import pytest
import sqlalchemy as sa
from tests.hub.histories import Hub
from tests.hub.records import NOW, capability, changed, node, workload

from skerry_hub import desired, documenting, tables
from skerry_hub.documents import Prices
from skerry_hub.model import Resources
from skerry_hub.retention import Keep
from skerry_hub.state import Publication
from skerry_hub.store_error import StoreError
from skerry_hub.store_opening import open_store
from skerry_hub.work import put_node

GIB = 2**30
DAY_S = 86_400.0
EVERYTHING = Keep(most=10**6, days=10**6, most_bytes=2**40)


@pytest.fixture
def hub(database):
    store = open_store(database)
    hub = Hub(store)
    hub.call(lambda work: put_node(work, node("box-1")))
    yield hub
    store.close()


def apply(hub, name="shop-web", **fields):
    one = workload(name, **fields)
    hub.call(lambda work: desired.apply(work, [one], prune=False))


def seqs(hub, **asked):
    return [one.seq for one in hub.store.decisions(**asked)]


def rows(hub, table):
    with hub.store._engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_what_was_decided_is_there_the_newest_first(hub):
    for name in ("shop-web", "shop-db", "yard-cam"):
        apply(hub, name)
    assert seqs(hub) == [3, 2, 1]
    assert seqs(hub, workload="shop-db") == [2]
    assert seqs(hub, workload="shop") == []
    assert seqs(hub, before=3) == [2, 1]
    assert seqs(hub, before=3, limit=1) == [2]
    kept = hub.store.decision(2)
    assert kept == hub.store.decisions(workload="shop-db")[0]
    assert [one.id for one in kept.answer.assignments] == ["shop-db-0"]
    assert kept.record.question.wanted[0].workload == workload("shop-db")
    assert hub.store.decision(4) is None


def test_a_decision_of_many_instances_is_kept_whole(hub):
    apply(hub, replicas=5000)
    kept = hub.store.decision(1)
    assert len(kept.answer.assignments) == len(kept.answer.changes) == 5000


def test_a_transaction_that_fails_leaves_none(hub):
    with pytest.raises(sa.exc.IntegrityError):
        hub.call(lambda work: (apply_within(work), work.draft.outbox.append(broken())))
    assert seqs(hub) == []
    assert rows(hub, tables.fleet_log) == 1  # of the node


def apply_within(work):
    desired.apply(work, [workload()], prune=False)


def broken():
    return Publication(topic=None, payload=b"", retain=False)


def test_how_much_found_no_place_is_known_after_a_start(hub):
    apply(hub, replicas=3, resources=Resources(memory_bytes=3 * GIB))
    assert hub.known.unplaced == {"shop-web": 1}
    assert hub.store.load().unplaced == {"shop-web": 1}
    apply(hub, replicas=2, resources=Resources(memory_bytes=3 * GIB))
    assert hub.known.unplaced == hub.store.load().unplaced == {}


def test_what_changes_nothing_that_placement_sees_is_not_logged(hub):
    before = hub.store.newest_log()
    same = changed(hub.known.nodes["box-1"], generation=7, digest="d" * 64, last_seen=NOW + 5)
    hub.call(lambda work: put_node(work, same))
    assert hub.store.newest_log() == before
    assert rows(hub, tables.fleet_blobs) == 0


def test_hardware_is_kept_once(hub):
    first = hub.known.nodes["box-1"].capability
    other = capability(revision="e" * 16, hostname="new")
    for found in (other, first, other, first):
        now = changed(hub.known.nodes["box-1"], capability=found)
        hub.call(lambda work, now=now: put_node(work, now))
    assert rows(hub, tables.fleet_blobs) == 2


# --- what goes ------------------------------------------------------------------------------


def many(hub, count=6):
    """Make decisions, one a day, and let hardware change with each."""
    for number in range(count):
        other = capability(revision=f"{number:016x}", hostname=f"host-{number}")
        now = changed(hub.known.nodes["box-1"], capability=other)
        hub.call(lambda work, now=now: put_node(work, now))
        apply(hub, f"shop-{number}")
        hub.now += DAY_S


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (EVERYTHING, [6, 5, 4, 3, 2, 1]),
        (dataclasses.replace(EVERYTHING, most=2), [6, 5]),
        (dataclasses.replace(EVERYTHING, days=3.5), [6, 5, 4]),
        (dataclasses.replace(EVERYTHING, most=0), []),
        (dataclasses.replace(EVERYTHING, days=0), []),
    ],
)
def test_old_decisions_go_with_what_only_they_needed(hub, keep, left):
    many(hub)
    hub.store.trim_decisions(keep, hub.now)
    assert seqs(hub) == left
    assert rows(hub, tables.decision_workloads) == len(left)
    needed = [hub.store.decision(seq).log for seq in left]
    with hub.store._engine.connect() as connection:
        oldest = connection.scalar(sa.select(sa.func.min(tables.fleet_log.c.seq)))
        blob = connection.scalar(sa.select(sa.func.min(tables.fleet_blobs.c.log)))
    assert oldest == (min(needed) if needed else None)
    assert blob is None or blob >= min(needed)


def test_the_numbers_go_on_after_all_have_gone(hub):
    many(hub, 2)
    hub.store.trim_decisions(Keep(most=0), hub.now)
    apply(hub)
    assert seqs(hub) == [3]


def test_more_bytes_than_may_be_go_the_oldest_first(hub):
    many(hub)
    before = rows(hub, tables.fleet_log)
    with hub.store._engine.connect() as connection:
        sizes = [
            connection.scalar(sa.select(sa.func.sum(table.c.size)))
            for table in (tables.fleet_log, tables.fleet_blobs)
        ]
    half = dataclasses.replace(EVERYTHING, most_bytes=sum(sizes) // 2)
    hub.store.trim_decisions(half, hub.now)
    assert 0 < rows(hub, tables.fleet_log) < before
    assert seqs(hub) == [6, 5, 4, 3, 2, 1], "what was decided stays, for who only wants to know"
    hub.store.trim_decisions(dataclasses.replace(EVERYTHING, most_bytes=1), hub.now)
    assert rows(hub, tables.fleet_log) == rows(hub, tables.fleet_blobs) == 0


# --- documents and damage ---------------------------------------------------------------------


def test_the_documents_of_a_time_are_told(hub):
    def put(price):
        one = Prices(name="all", cpu_hour=price)
        hub.call(lambda work: documenting.put(work, one))

    times = []
    for price in (0.1, 0.2):
        put(price)
        times.append(hub.now)
        hub.now += 10
    hub.call(lambda work: documenting.delete(work, "Prices", "all"))
    told = [
        [(one.document.cpu_hour, one.version) for one in hub.store.documents_at(at)]
        for at in (times[0] - 1, times[0], times[1] + 1, hub.now)
    ]
    assert told == [[], [(0.1, 1)], [(0.2, 2)], []]


@pytest.mark.parametrize("content", [b"", b"\x00", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_decision_is_said(hub, content):
    apply(hub)
    with hub.store._engine.begin() as connection:
        connection.execute(sa.update(tables.decisions).values(content=content))
    with pytest.raises(StoreError, match="decision 1 is damaged"):
        hub.store.decision(1)
    with pytest.raises(StoreError, match="decision 1 is damaged"):
        hub.store.decisions()
