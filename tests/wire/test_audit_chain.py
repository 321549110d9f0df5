"""The chain of the audit log: what was changed, taken away or written anew is found."""

import dataclasses
import itertools
import json

import pytest

from skerry_wire.audit_chain import (
    BEGINNING,
    DAMAGED,
    FIRST,
    Chain,
    Mark,
    Part,
    Row,
    hash_of,
    judged,
)
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
    assert BEGINNING.hash == FIRST


def test_an_anchor_is_held_against_what_was_seen():
    mark = rows()[1].mark
    assert Chain(mark, [mark]).begun() is None
    other = Mark(seq=2, hash="b" * 64)
    assert (
        Chain(other, [mark]).begun() == "row 2, after which the log begins, is another than it was"
    )
    assert "something stood before it" in Chain(Mark(hash="b" * 64)).begun()
    for both in ([mark, other], [other, mark]):
        assert Chain(mark, both).begun() is not None, "one that was seen does not hide the other"


def test_a_cut_that_left_nothing_is_no_cut():
    assert "nothing follows row 2" in checked([], anchor=rows()[1].mark)
    assert checked([]) is None


def cut_at(found, *places, overlap=0):
    """Return the log and what was cut off it, as after cuts behind some rows."""
    ends = [0, *places]
    marks = [BEGINNING, *(row.mark for row in found)]
    parts = [
        Part(anchor=marks[max(0, one - overlap)], rows=found[max(0, one - overlap) : other],
             name=f"file {other}")
        for one, other in itertools.pairwise(ends)
    ]  # fmt: skip
    return Part(anchor=marks[ends[-1]], rows=found[ends[-1] :]), parts


def forged_after(anchor, count=3):
    return Part(anchor=anchor, rows=rows(count, anchor))


def test_what_was_seen_after_the_cut_or_where_it_was_made_needs_no_proof():
    found = rows(8)
    log, _ = cut_at(found, 5)
    for row in found[4:]:
        verdict = judged(log, seen=[row.mark])
        assert (verdict.wrong, verdict.unproven, verdict.head) == (None, None, found[-1].mark)
    assert judged(log).unproven is None, "who saw nothing yet has nothing to prove"


@pytest.mark.parametrize("overlap", [0, 2])
@pytest.mark.parametrize("seen", [0, 1, 3, 4])
def test_what_was_seen_before_a_cut_is_proved_by_what_was_cut_off(seen, overlap):
    found = rows(8)
    mark = [BEGINNING, *(row.mark for row in found)][seen]
    log, parts = cut_at(found, 3, 5, overlap=overlap)
    alone = judged(log, seen=[mark])
    assert alone.wrong is None
    assert f"row {seen} was seen, and what is here begins after row 5" in alone.unproven
    for given in (parts, parts[::-1]):
        verdict = judged(log, given, [mark])
        assert (verdict.wrong, verdict.unproven, verdict.head) == (None, None, found[-1].mark)
    assert (judged(log, parts[1:], [mark]).unproven is None) is (seen >= 3 - overlap)


def test_a_file_that_is_lacking_between_is_said():
    log, (first, _, third) = cut_at(rows(8), 2, 4, 6)
    unproven = judged(log, [first, third], [rows(8)[0].mark]).unproven
    assert unproven.endswith("rows 3 to 4 are in none of the files")


def test_an_anchor_that_was_made_up_is_found_whatever_is_given_with_it():
    """The log is deleted, and another begun after an anchor as one likes."""
    found = rows(8)
    log, parts = cut_at(found, 3, 5)
    seen = [found[3].mark]
    same_place = forged_after(Mark(seq=4, hash="b" * 64))
    assert "row 4, after which the log begins, is another" in judged(same_place, seen=seen).wrong
    before = forged_after(Mark(seq=3, hash="b" * 64))
    assert judged(before, seen=seen).wrong.startswith("row 4 is another than it was")
    after = forged_after(Mark(seq=5, hash="b" * 64))
    assert judged(after, seen=seen).unproven is not None
    assert judged(after, parts, seen).wrong.startswith("file 5: row 5 is another than it was")
    beyond = forged_after(Mark(seq=70, hash="b" * 64))
    for given in ([], parts, [*parts, log]):
        assert judged(beyond, given, seen).unproven is not None
    made_up = Part(anchor=Mark(seq=4, hash="c" * 64), rows=rows(66, Mark(seq=4, hash="c" * 64)))
    joined = forged_after(made_up.rows[-1].mark)
    assert judged(joined, [made_up]).wrong is None
    assert "row 4, after which" in judged(joined, [made_up], seen).wrong
    assert judged(joined, [*parts, made_up]).wrong.startswith("file 5: row 4 is another")


def test_a_log_that_ends_before_a_file_does_lacks_its_end():
    found = rows(8)
    whole = Part(anchor=BEGINNING, rows=found, name="export")
    assert judged(Part(anchor=BEGINNING, rows=found), [whole]).wrong is None
    short = Part(anchor=BEGINNING, rows=found[:6])
    assert judged(short, [whole]).wrong.startswith("the log ends at row 6, and it had row 8")


def test_a_file_that_was_changed_is_said_with_its_name():
    log, parts = cut_at(rows(8), 3)
    changed = [dataclasses.replace(parts[0].rows[1], who="bob")]
    bad = dataclasses.replace(parts[0], rows=[parts[0].rows[0], *changed, parts[0].rows[2]])
    assert judged(log, [bad]).wrong.startswith("file 3: row 2 was changed")
