"""The audit log in both databases: chained, in order, however many write."""

import asyncio
import threading
import time

import pytest

from skerry_hub.access import audit_rows
from skerry_hub.access.audit import Audit, entry_of
from skerry_hub.access.audit_rows import Entry, Wanted
from skerry_hub.store_error import StoreError
from skerry_wire.audit_chain import Chain, Mark

EVERY = Wanted()


@pytest.fixture
def audit(store):
    audit = Audit(store)
    yield audit
    audit.stop()


def kept(store, wanted=EVERY, most=10_000):
    with store.reading() as connection:
        return audit_rows.page(connection, wanted, most)


def chained(store):
    rows = kept(store)
    with store.reading() as connection:
        chain = Chain(audit_rows.anchor(connection))
        head = audit_rows.head(connection)
    assert [chain.take(row) for row in rows] == [None] * len(rows)
    assert chain.head == head
    return rows


def test_rows_are_chained_in_their_order(store, audit):
    before = time.time()
    made = [audit.record("alice", f"do {n}", subject=f"s{n}", empty="") for n in range(5)]
    rows = chained(store)
    assert rows == made
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0].content == {"subject": "s0"}
    assert rows[0].at_ms / 1000 == pytest.approx(before, abs=5)


def test_many_at_once_are_one_chain_and_few_transactions(store, audit):
    writing, commits = store.aside, []

    class Counting:
        def aside(self):
            commits.append(1)
            return writing()

    audit._store = Counting()

    async def many():
        await asyncio.gather(*(audit.write("a", "b", {"n": str(n)}) for n in range(300)))

    asyncio.run(many())
    rows = chained(store)
    assert {row.content["n"] for row in rows} == {str(n) for n in range(300)}
    assert len(commits) < 100


def test_two_processes_make_one_chain(store, database):
    """As a command beside the running hub does: another log on the same database."""
    logs = [Audit(store) for _ in range(3)]

    def write(audit):
        for number in range(30):
            audit.record("a", str(number))

    threads = [threading.Thread(target=write, args=(one,)) for one in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in logs:
        one.stop()
    assert len(chained(store)) == 90


def test_who_waits_is_told_that_it_was_not_written(store, audit):
    class Failing:
        def aside(self):
            raise StoreError("the disk is full")

    audit._store = Failing()
    with pytest.raises(StoreError, match="the disk is full"):
        audit.record("a", "b")
    with pytest.raises(StoreError, match="the disk is full"):
        asyncio.run(audit.write("a", "b", {}))
    audit._store = store
    audit.record("a", "b")
    assert len(chained(store)) == 1


def test_what_waits_is_written_at_the_end(store):
    audit = Audit(store)
    futures = [audit._post(entry_of("a", "b", {"n": str(n)})) for n in range(50)]
    audit.stop()
    assert all(future.done() for future in futures)
    assert len(chained(store)) == 50


def test_rows_hold_any_text_within_limits(store, audit):
    token = "ska_0011223344556677_" + "A" * 43
    said = {"subject": "\0\ud800\u00e4\n\x1b" + "x" * 100_000, "token": token}
    row = audit.record(f"al\0ice {token}", "x" * 1000, **said)
    (found,) = chained(store)
    assert found == row
    assert token not in str(found)
    assert len(found.who) <= 253
    assert len(found.action) == 253


def test_rows_are_found_by_what_they_say(store, audit):
    for who, action in (
        ("a", "access create"),
        ("b", "access revoke"),
        ("a", "join_x"),
        ("a", "joinax"),
    ):
        audit.record(who, action)
    assert [row.seq for row in kept(store, Wanted(who="a"))] == [1, 3, 4]
    assert [row.seq for row in kept(store, Wanted(action="access"))] == [1, 2]
    assert [row.seq for row in kept(store, Wanted(action="join_"))] == [3], "_ is no wildcard"
    assert [row.seq for row in kept(store, Wanted(after=2), most=1)] == [3]
    assert kept(store, Wanted(since_ms=int(time.time() * 1000) + 60_000)) == []
    with store.reading() as connection:
        newest = audit_rows.newest(connection, Wanted(who="a"), 2)
        assert [row.seq for row in newest] == [3, 4]
        assert audit_rows.newest(connection, Wanted(who="c"), 2) == []


def test_what_is_cut_off_leaves_its_mark(store, audit):
    made = [audit.record("a", str(n)) for n in range(5)]
    with store.aside() as connection:
        audit_rows.cut(connection, made[2].mark)
    assert chained(store) == made[3:]
    with store.aside() as connection:
        audit_rows.cut(connection, made[4].mark)
        assert audit_rows.head(connection) == made[4].mark
    assert audit.record("a", "next").seq == 6
    assert [row.seq for row in chained(store)] == [6]


def test_an_empty_log_has_a_beginning(store):
    with store.aside() as connection:
        assert audit_rows.head(connection) == Mark()
        assert audit_rows.append(connection, [], 0) == []
        (row,) = audit_rows.append(connection, [Entry("a", "b", {})], 5)
    assert (row.seq, row.at_ms) == (1, 5)
