"""The chain of the audit log: what was changed, taken away or written anew is found."""

import dataclasses
import json

import pytest

from skerry_wire.audit_chain import BEGINNING, DAMAGED, FIRST, Chain, Mark, Row, hash_of
from skerry_wire.codec import from_plain, to_plain


def rows(count=5, before=BEGINNING):
    found = []
    for number in range(before.seq + 1, before.seq + count + 1):
        said = {"subject": f"/nodes/{number}", "status": "200", "a": "\u00e4\n"}
        hash_ = hash_of(before.hash, number, 1000 + number, "alice", "POST /x", said)
        found.append(
            Row(
                seq=number,
                at_ms=1000 + number,
                who="alice",
                action="POST /x",
                content=said,
                hash=hash_,
            )
        )
        before = found[-1].mark
    return found


def checked(some, **given):
    """Return the first thing that is wrong."""
    chain = Chain(**given)
    for row in some:
        wrong = chain.take(row)
        if wrong is not None:
            return wrong
    return chain.ended()


def test_a_hash_never_changes():
    assert rows(1)[0].hash == ("c08bee14e6712603d432fbe0cc3989e7a5caabdf21115c7b32a6c84fcc726ba7")
    assert len({row.hash for row in rows(5)}) == 5


def test_a_whole_chain_is_right_and_reads_back_from_json():
    assert checked(rows()) is None
    again = [from_plain(Row, json.loads(json.dumps(to_plain(row)))) for row in rows()]
    assert checked(again) is None
    chain = Chain()
    for row in again:
        chain.take(row)
    assert (chain.rows, chain.head) == (5, rows()[-1].mark)


@pytest.mark.parametrize(
    "change",
    [{"who": "bob"}, {"at_ms": 1}, {"action": "POST /y"}, {"content": {"status": "200"}},
     {"content": {}}, {"hash": "a" * 64}],
)  # fmt: skip
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_row_that_was_changed_is_found(index, change):
    found = rows()
    found[index] = dataclasses.replace(found[index], **change)
    assert checked(found).startswith(f"row {index + 1} was changed")


def test_a_row_that_cannot_be_read_is_wrong_though_its_hash_be_right():
    found, said = rows(2), {DAMAGED: "is not JSON"}
    hash_ = hash_of(found[0].hash, 2, 1, "alice", "POST /x", said)
    found[1] = dataclasses.replace(found[1], at_ms=1, content=said, hash=hash_)
    assert checked(found) == "row 2 is damaged: is not JSON"


def test_a_row_that_is_missing_is_found():
    found = rows()
    assert checked(found[:2] + found[3:]) == "row 4 follows row 2: what was between is missing"
    assert checked(found[1:]) == "row 2 follows row 0: what was between is missing"
    assert checked([found[0], found[2], found[1]]) is not None


def test_an_end_that_is_missing_is_found_by_who_saw_it():
    found = rows()
    seen = [found[-1].mark]
    assert checked(found[:-1]) is None
    words = "the log ends at row 4, and it had row 5: its end is missing"
    assert checked(found[:-1], seen=seen) == words
    assert checked(found, seen=seen) is None


def test_a_log_that_was_written_anew_is_found_by_who_saw_it():
    seen = [rows()[2].mark]
    other = rows(2)
    said = {"subject": "forged"}
    other.append(
        Row(seq=3, at_ms=1, who="x", action="y", content=said,
            hash=hash_of(other[-1].hash, 3, 1, "x", "y", said))
    )  # fmt: skip
    assert checked(other) is None
    assert checked(other, seen=seen) == "row 3 is another than it was: the log was written anew"


def test_a_log_that_was_cut_begins_at_its_anchor():
    found = rows()
    anchor = found[1].mark
    assert checked(found[2:], anchor=anchor) is None
    assert checked(found[2:], anchor=Mark(seq=2, hash="b" * 64)).startswith("row 3 was changed")
    chain = Chain(anchor, [found[0].mark])
    assert chain.unproven, "what was seen lies before the anchor"
    assert not Chain(anchor, [found[3].mark]).unproven
    assert BEGINNING.hash == FIRST
