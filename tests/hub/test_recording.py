"""What a draft adds to the store: positions, digests and bytes."""

import pytest
from tests.hub.placement.boxes import GIB, node
from tests.hub.records import changed, settled, work_on, workload

from skerry_hub import desired
from skerry_hub.decisions import Answer, Estimates, estimates_digest, outcome_digest
from skerry_hub.fleet_log import LogError, packed, unpacked
from skerry_hub.model import Resources
from skerry_hub.recording import (
    content_of,
    pressed,
    read_content,
    read_estimates,
    recorded,
)
from skerry_hub.state import Known
from skerry_hub.work import put_node


def two_applied():
    known = Known([node("box-1"), node("box-2")])
    work = work_on(known)
    # A step that placement does not see comes first: no entry, and no place in the count.
    put_node(work, changed(known.nodes["box-1"], generation=9))
    desired.apply(work, [workload("shop-a"), workload("shop-b", replicas=2)], prune=False)
    return known, work.draft


def test_a_decisions_place_is_among_what_placement_sees():
    known, draft = two_applied()
    found = recorded(draft, known.inputs)
    entries = unpacked(found.log, "log")
    assert [(one[0], one[1]) for one in entries] == [
        ("w", "shop-a"),
        ("w", "shop-b"),
        ("a", "shop-a-0"),
        ("a", "shop-b-0"),
        ("a", "shop-b-1"),
    ]
    assert [record.position for record, _ in found.decisions] == [2, 3]


def test_the_digest_is_that_of_the_records_right_before():
    known, draft = two_applied()
    (first, _), (second, answer) = recorded(draft, known.inputs).decisions
    assert first.records != second.records
    assert first.sections["nodes"] == second.sections["nodes"]
    assert first.sections["assignments"] != second.sections["assignments"]
    before = known.inputs.digest
    after = settled(known, draft).inputs
    assert known.inputs.digest == before, "what is known is not changed by looking"
    assert after.sections["workloads"] == second.sections["workloads"]
    assert second.outcome == outcome_digest(answer)


def test_equal_hubs_have_equal_digests():
    one, other = (recorded(draft, known.inputs) for known, draft in (two_applied(), two_applied()))
    assert one.decisions == other.decisions
    assert one.log == other.log


def test_what_placement_does_not_see_adds_nothing():
    known = Known([node("box-1")])
    work = work_on(known)
    put_node(work, changed(known.nodes["box-1"], generation=9))
    assert recorded(work.draft, None).log is None


def test_a_decision_without_changes_has_its_place_too():
    known = Known([node("box-1")])
    work = work_on(known)
    big = workload(resources=Resources(memory_bytes=64 * GIB))
    desired.apply(work, [big], prune=False)
    known = settled(known, work.draft)
    work = work_on(Known(known.nodes.values(), known.workloads.values()))
    desired.fill(work, ["shop-web"])
    found = recorded(work.draft, known.inputs)
    assert unpacked(found.log, "log") == []
    assert [record.position for record, _ in found.decisions] == [0]


def test_a_decision_is_read_as_it_was_written():
    known, draft = two_applied()
    for record, answer in recorded(draft, known.inputs).decisions:
        assert read_content(content_of(record, answer), "decision") == (record, answer)


def test_a_gang_of_any_number_is_read_as_it_was_written():
    known, draft = two_applied()
    (record, answer), *_ = recorded(draft, known.inputs).decisions
    (one,) = record.question.wanted
    question = changed(record.question, wanted=(one,) * 5000)
    names = [f"shop-{number}" for number in range(5000)]
    answer = changed(
        answer,
        unplaced=dict.fromkeys(names, 1),
        refused={name: {"memory": 2} for name in names},
    )
    record = changed(record, question=question)
    assert read_content(content_of(record, answer), "decision") == (record, answer)


@pytest.mark.parametrize(
    "part",
    [["wanted", {}], ["refused", 3], ["refused", ["a", 3]], ["unplaced", ["a"]], ["change", {}]],
)
def test_a_decision_with_a_damaged_part_is_told(part):
    known, draft = two_applied()
    (record, answer), *_ = recorded(draft, known.inputs).decisions
    entries = unpacked(content_of(record, answer), "decision")
    read_content(packed(entries), "decision")
    with pytest.raises(LogError, match="the decision is damaged"):
        read_content(packed([*entries, part]), "decision")


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [["record", {}]],
        ["record"],
        [["record"]],
        [["wanted", {}]],
        [["refused", 3]],
    ],
)
def test_a_damaged_decision_is_told(entries):
    with pytest.raises(LogError, match="the decision is damaged"):
        read_content(packed(entries), "decision")


def test_round_trip_times_are_held_to_their_digest():
    found = Estimates(ms={"endpoint/erp": b"\x00" * 16, "box-1": b"\x01" * 16})
    digest = estimates_digest(found)
    assert read_estimates(digest, pressed(found)) == found
    other = Estimates(ms={"endpoint/erp": b"\x00" * 16})
    for data in (pressed(other), b"", b"x", pressed(found)[:-9]):
        with pytest.raises(LogError, match="damaged"):
            read_estimates(digest, data)
    assert estimates_digest(None) == ""
    assert outcome_digest(Answer()) == outcome_digest(Answer(unplaced={}))
