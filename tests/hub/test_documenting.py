"""What a put and a delete change, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.documents import EVERY, POLICY, PRICES
from tests.hub.records import NOW, changed, kept_document

from skerry_hub import documenting
from skerry_hub.documents import MOST_OF_A_KIND, Egress, Endpoint, Policy, key_of
from skerry_hub.fleet.columns import Columns
from skerry_hub.state import Draft, Known
from skerry_hub.work import RefusedError, Work

KEY = ("Prices", "cloud")


def work_on(known, now=NOW):
    return Work(Draft(known), Columns(), now)


def settled(known, *changes, now=NOW):
    """Let changes be committed one after the other; return what each answered."""
    answers = []
    for number, change in enumerate(changes):
        work = work_on(known, now + number)
        answers.append(change(work))
        known.settle(work.draft)
    return answers


def put(document):
    return lambda work: documenting.put(work, document)


def delete(kind, name):
    return lambda work: documenting.delete(work, kind, name)


def test_a_version_grows_with_each_change_and_equal_content_is_none():
    known = Known()
    dearer = changed(PRICES, cpu_hour=0.05)
    answers = settled(known, put(PRICES), put(PRICES), put(dearer), put(PRICES))
    assert [(one.action, one.version) for one in answers] == [
        ("created", 1), ("unchanged", 1), ("updated", 2), ("updated", 3),
    ]  # fmt: skip
    kept = known.documents[KEY]
    assert (kept.document, kept.version) == (PRICES, 3)
    assert (kept.created_at, kept.updated_at) == (NOW, NOW + 3)


def test_what_changes_nothing_is_nothing_to_commit():
    known = Known()
    settled(known, put(PRICES))
    work = work_on(known)
    documenting.put(work, PRICES)
    assert work.draft.empty


def test_each_change_is_noted_with_what_it_says():
    known = Known()
    settled(known, put(PRICES))
    work = work_on(known, NOW + 7)
    documenting.put(work, changed(PRICES, kwh=1.0))
    documenting.delete(work, *KEY)
    documenting.put(work, POLICY)
    noted = [
        (key_of(one.document), one.version, one.action, one.at, one.who)
        for one in work.draft.document_changes
    ]
    assert noted == [
        (KEY, 2, "put", NOW + 7, ""),
        (KEY, 3, "delete", NOW + 7, ""),
        (("Policy", "eu-only"), 1, "put", NOW + 7, ""),
    ]
    assert work.draft.document_changes[1].document.kwh == 1.0


def test_a_document_that_comes_again_goes_on_counting():
    known = Known()
    answers = settled(known, put(PRICES), delete(*KEY), put(PRICES))
    assert [(one.action, one.version) for one in answers] == [
        ("created", 1), ("deleted", 2), ("created", 3),
    ]  # fmt: skip
    assert known.documents[KEY].created_at == NOW + 2


def test_what_is_not_there_cannot_be_deleted():
    with pytest.raises(RefusedError) as raised:
        documenting.delete(work_on(Known()), *KEY)
    assert raised.value.status == 404
    assert str(raised.value) == "there is no Prices cloud"


def test_there_are_only_so_many_of_a_kind():
    names = [Endpoint(name=f"e-{n}", host="x", port=1) for n in range(MOST_OF_A_KIND)]
    work = work_on(Known(documents=[kept_document(one) for one in names]))
    with pytest.raises(RefusedError) as raised:
        documenting.put(work, Endpoint(name="more", host="x", port=1))
    assert (raised.value.status, raised.value.problems[0].field) == (409, "kind")
    assert work.draft.empty
    assert documenting.put(work, changed(names[0], port=2)).action == "updated"
    assert documenting.put(work, Policy(name="more")).action == "created"
    documenting.delete(work, "Endpoint", "e-1")
    assert documenting.put(work, Endpoint(name="more", host="x", port=1)).action == "created"


def test_an_update_says_which_fields_say_what_otherwise():
    before = changed(PRICES, egress=())
    after = changed(
        PRICES,
        cpu_hour=0.05,
        device_hour={"gpu": 2.0, "npu": 0.1},
        egress=(Egress(to="plant", per_gb=0.09),),
        nodes=(),
    )
    _, answer = settled(Known(), put(before), put(after))
    assert answer.changes == (
        "cpu_hour: 0.031 -> 0.05",
        "device_hour.gpu: 1.2 -> 2.0",
        "device_hour.npu: - -> 0.1",
        "egress: [] -> [{to: plant, per_gb: 0.09}]",
        "nodes: [node.labels.environment == cloud] -> []",
    )


def test_a_long_value_is_shown_in_part():
    (told,) = documenting.differences(
        Policy(name="x"), Policy(name="x", required=tuple(f"node.id != {n}" for n in range(60)))
    )
    assert told.startswith("required: [] -> [node.id != 0, ")
    assert told.endswith("...")
    assert len(told) < 160


@given(st.lists(st.tuples(st.sampled_from(EVERY), st.booleans()), max_size=20), st.integers(1, 5))
def test_versions_never_come_again(steps, size):
    """Whatever is put and deleted, in transactions of whatever size."""
    known, noted = Known(), []
    for start in range(0, len(steps), size):
        work = work_on(known)
        for document, is_put in steps[start : start + size]:
            there = work.draft.documents.get(key_of(document)) is not None
            if is_put:
                documenting.put(work, document)
            elif there:
                documenting.delete(work, *key_of(document))
        noted += [(key_of(one.document), one.version) for one in work.draft.document_changes]
        known.settle(work.draft)
    assert len(noted) == len(set(noted))
    for key in {key for key, _ in noted}:
        versions = [version for other, version in noted if other == key]
        assert versions == list(range(1, len(versions) + 1))
        assert known.document_versions[key] == versions[-1]
        if key in known.documents:
            assert known.documents[key].version == versions[-1]
