"""The oldest rows are exported whole, and only then removed; the rest is still a chain."""

import dataclasses
import hashlib
import json

import pytest
import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.access import audit_rows, retention
from skerry_hub.access.audit_rows import Entry, Wanted
from skerry_hub.access.retention import Export
from skerry_hub.store_error import StoreError
from skerry_hub.whole_file import new_file
from skerry_wire.audit_chain import Chain, Mark, Part, Row, judged
from skerry_wire.codec import from_plain

OLD_MS, NEW_MS = 1_000_000_000_000, 4_000_000_000_000


@pytest.fixture
def filled(store):
    with store.aside() as connection:
        for number in range(5):
            at_ms = OLD_MS if number < 3 else NEW_MS
            audit_rows.append(connection, [Entry("a", f"do {number}", {"n": str(number)})], at_ms)
    return store


def cut(store, keep_days, path, who="root@host"):
    with new_file(path) as file:
        return retention.cut(store, keep_days, Export(file), who)


def kept(store):
    with store.reading() as connection:
        return audit_rows.page(connection, Wanted(), 1000)


def test_old_rows_are_moved_and_both_parts_are_chains(filled, tmp_path):
    before = kept(filled)
    target = tmp_path / "old.jsonl"
    count, anchor = cut(filled, 30, target)
    assert (count, anchor) == (3, before[2].mark)
    assert target.stat().st_mode & 0o777 == 0o600
    head, *lines = [json.loads(line) for line in target.read_text().splitlines()]
    chain = Chain(from_plain(Mark, head["anchor"]))
    assert [chain.take(from_plain(Row, line)) for line in lines] == [None] * 3
    rest, wrong = retention.checked(filled)
    assert (rest.rows, wrong) == (3, None)
    *_, told = kept(filled)
    assert (told.action, told.content["subject"]) == ("audit cut", "rows 1 to 3")
    assert told.content["last_hash"] == before[2].hash
    assert told.content["export_sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert cut(filled, 30, tmp_path / "none.jsonl")[0] == 0


def test_everything_can_be_moved_and_the_next_export_goes_on(filled, tmp_path):
    with filled.aside() as connection:
        connection.execute(sa.delete(tables.audit).where(tables.audit.c.seq > 3))
    cut(filled, 0, tmp_path / "a")
    cut(filled, 0, tmp_path / "b")
    one, two = ((tmp_path / name).read_text().splitlines() for name in "ab")
    chain = Chain()
    rows = [json.loads(line) for line in (*one[1:], *two[1:])]
    assert [chain.take(from_plain(Row, row)) for row in rows] == [None] * 4
    assert json.loads(two[0])["anchor"]["seq"] == 3


def part_of(path):
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    anchor = from_plain(Mark, head["anchor"])
    return Part(anchor=anchor, rows=[from_plain(Row, one) for one in lines], name=path.name)


def log_of(store):
    with store.reading() as connection:
        return Part(
            anchor=audit_rows.anchor(connection),
            rows=audit_rows.page(connection, Wanted(), 1000),
        )


def test_the_files_of_cuts_lead_from_what_was_seen_before_to_what_is_there(filled, tmp_path):
    first = kept(filled)[0].mark
    cut(filled, 30, tmp_path / "a")
    with filled.aside() as connection:
        audit_rows.append(connection, [Entry("a", "later", {})], NEW_MS)
    assert judged(log_of(filled), seen=[first]).unproven is not None
    verdict = judged(log_of(filled), [part_of(tmp_path / "a")], [first])
    assert (verdict.wrong, verdict.unproven, verdict.rows) == (None, None, 7)


def test_an_anchor_that_was_made_up_in_the_database_is_found_by_who_saw_the_log(filled, tmp_path):
    seen = [kept(filled)[1].mark]
    cut(filled, 30, tmp_path / "a")
    made_up = Mark(seq=900, hash="f" * 64)
    with filled.aside() as connection:
        connection.execute(sa.delete(tables.audit))
        hub = tables.hub
        anchored = hub.c.key == audit_rows.ANCHOR
        connection.execute(sa.update(hub).where(anchored).values(value=str(made_up)))
    assert "nothing follows row 900" in retention.checked(filled)[1]
    with filled.aside() as connection:
        audit_rows.append(connection, [Entry("a", "nothing happened", {})], NEW_MS)
    assert retention.checked(filled)[1] is None, "alone it looks right"
    for given in ([], [part_of(tmp_path / "a")]):
        assert judged(log_of(filled), given, seen).unproven is not None


def test_a_broken_log_is_not_cut(filled, tmp_path):
    with filled.aside() as connection:
        row = tables.audit.c.seq == 2
        connection.execute(sa.update(tables.audit).where(row).values(who="mallory"))
    with pytest.raises(StoreError, match="nothing was cut off: row 2 was changed"):
        cut(filled, 30, tmp_path / "x")
    assert len(kept(filled)) == 5
    assert not (tmp_path / "x").exists()
    assert retention.checked(filled)[1].startswith("row 2 was changed")


DAMAGES = [
    {"content": "[1]"},
    {"content": "5"},
    {"content": "null"},
    {"content": '{"a":1}'},
    {"content": '{"n":["1"]}'},
    {"content": "nonsense"},
    {"content": ""},
    {"content": "[" * 100_000},
    {"content": '{"n": "1"}'},
    {"content": '{"n":"0","n":"1"}'},
    {"content": '{"damaged":"1"}'},
    {"at": 1e300},
    {"at": float("inf")},
    {"hash": "x"},
]


@pytest.mark.parametrize("values", DAMAGES, ids=lambda one: str(one)[:40])
def test_a_row_that_cannot_be_read_is_the_first_wrong_one_and_the_rest_is_shown(
    filled, tmp_path, values
):
    with filled.aside() as connection:
        row = tables.audit.c.seq == 2
        connection.execute(sa.update(tables.audit).where(row).values(**values))
    chain, wrong = retention.checked(filled)
    assert (chain.rows, wrong[:17]) == (1, "row 2 is damaged:")
    found = kept(filled)
    assert [one.action for one in found] == [f"do {number}" for number in range(5)]
    assert [from_plain(Row, dataclasses.asdict(one)) for one in found] == found
    with filled.reading() as connection:
        assert len(audit_rows.newest(connection, Wanted(), 3)) == 3
    with pytest.raises(StoreError, match="nothing was cut off: row 2 is damaged"):
        cut(filled, 30, tmp_path / "x")


def test_an_export_overwrites_nothing_and_cuts_nothing_where_it_cannot_be_written(filled, tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        cut(filled, 30, tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        cut(filled, 30, tmp_path / "none" / "x")
    with pytest.raises(ValueError, match="--keep-days"):
        cut(filled, -1, tmp_path / "y")
    assert (tmp_path / "x").read_text() == "mine"
    assert len(kept(filled)) == 5


def test_an_export_that_is_whole_stays_whatever_comes_then(filled, tmp_path):
    """Its rows may be gone from the log: a server can commit and not say so."""
    exports = []

    def follow(path, *, cut):
        with new_file(path, lambda: exports[-1].whole) as file:
            exports.append(Export(file))
            if cut:
                retention.cut(filled, 30, exports[-1], "r")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        follow(tmp_path / "x", cut=True)
    assert len((tmp_path / "x").read_text().splitlines()) == 4
    with pytest.raises(ZeroDivisionError):
        follow(tmp_path / "y", cut=False)
    assert not (tmp_path / "y").exists()
