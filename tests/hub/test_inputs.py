"""The digest of what placement decides from: what changes it, what does not, and what is named."""

import random

import pytest
from tests.hub.records import (
    NOW,
    assignment,
    capability,
    changed,
    kept,
    kept_document,
    node,
    presence,
    report,
    workload,
)

from skerry_hub import inputs
from skerry_hub.documents import Policy, Prices
from skerry_hub.inputs import Inputs
from skerry_hub.model import Liveness, Taint
from skerry_hub.state import Draft, Known

NODES = [node("box-1"), node("box-2")]
WORKLOADS = [kept("shop-web", replicas=2), kept("shop-db")]
ASSIGNMENTS = [assignment("shop-web-0"), assignment("shop-web-1", node="box-2")]
DOCUMENTS = [kept_document(Policy(name="eu")), kept_document(Prices(name="eu", cpu_hour=0.5))]
TAINTS = (Taint(key="wet", effect="NoExecute"),)


def known():
    return Known(NODES, WORKLOADS, ASSIGNMENTS, documents=DOCUMENTS)


def after(change):
    """Return the inputs before and after one committed change."""
    found = known()
    before = found.inputs.digest
    draft = Draft(found)
    change(draft)
    found.settle(draft)
    return before, found


MATTERS = [
    (lambda d: d.nodes.put("box-1", changed(NODES[0], labels={"site": "a"})),
     "node box-1 changed: labels"),
    (lambda d: d.nodes.put("box-1", changed(NODES[0], taints=TAINTS)),
     "node box-1 changed: taints"),
    (lambda d: d.nodes.put("box-2", changed(NODES[1], liveness=Liveness.LOST)),
     "node box-2 changed: liveness"),
    (lambda d: d.nodes.put("box-2", changed(NODES[1], diverged="ahead")),
     "node box-2 changed: hold"),
    (lambda d: d.nodes.put("box-2", changed(NODES[1], capability=capability(revision="d" * 16))),
     "node box-2 changed: capability"),
    (lambda d: d.nodes.put("box-3", node("box-3")), "node box-3 is new"),
    (lambda d: d.nodes.remove("box-1"), "node box-1 is gone"),
    (lambda d: d.workloads.put("shop-db", kept("shop-db", replicas=3)), "workload shop-db changed"),
    (lambda d: d.workloads.remove("shop-db"), "workload shop-db is gone"),
    (lambda d: d.assignments.put("shop-web-0", assignment("shop-web-0", node="box-2")),
     "assignment shop-web-0 changed"),
    (lambda d: d.assignments.remove("shop-web-0"), "assignment shop-web-0 is gone"),
    (lambda d: d.documents.put(("Policy", "eu"), kept_document(Policy(name="eu", selector="a=b"))),
     "document Policy/eu changed"),
    (lambda d: d.documents.remove(("Prices", "eu")), "document Prices/eu is gone"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), MATTERS, ids=[words for _, words in MATTERS])
def test_what_could_change_an_outcome_changes_the_digest_and_is_named(change, words):
    before, found = after(change)
    assert found.inputs.digest != before
    changes, more = found.inputs.since(before)
    assert ([str(one) for one in changes], more) == ([words], 0)


SAME = [
    lambda d: d.nodes.put("box-1", changed(NODES[0], last_seen=NOW + 9, report=report(seq=7))),
    lambda d: d.nodes.put("box-1", changed(NODES[0], generation=4, digest="d")),
    lambda d: d.nodes.put("box-1", changed(NODES[0], presence=presence(seq=9))),
    lambda d: d.workloads.put("shop-db", changed(WORKLOADS[1], updated_at=NOW + 5)),
    lambda d: d.documents.put(("Policy", "eu"), changed(DOCUMENTS[0], version=2)),
    lambda d: None,
]  # fmt: skip


@pytest.mark.parametrize("change", SAME)
def test_what_decides_nothing_changes_nothing(change):
    before, found = after(change)
    assert (found.inputs.digest, found.inputs.since(before)) == (before, ((), 0))


def test_following_is_as_reading_everything_again_in_any_order():
    chance = random.Random(7)
    found = known()
    assert found.inputs.digest
    for step in range(60):
        draft = Draft(found)
        name = f"box-{chance.randrange(5)}"
        if chance.random() < 0.3:
            draft.nodes.remove(name)
        else:
            draft.nodes.put(name, node(name, labels={"step": str(step)}))
        one = f"shop-web-{chance.randrange(4)}"
        draft.assignments.put(one, assignment(one, node=name))
        found.settle(draft)
        shuffled = list(found.nodes.values())
        chance.shuffle(shuffled)
        anew = Known(
            shuffled, found.workloads.values(), found.assignments.values(),
            documents=found.documents.values(),
        )  # fmt: skip
        assert (anew.inputs.digest, anew.inputs.sections) == (
            found.inputs.digest,
            found.inputs.sections,
        )


def test_what_comes_back_is_as_it_was():
    found = known()
    first = found.inputs.digest
    for labels in ({"a": "b"}, {}):
        draft = Draft(found)
        draft.nodes.put("box-1", changed(NODES[0], labels=labels))
        found.settle(draft)
    assert found.inputs.digest == first
    assert found.inputs.since(first) == ((), 0)


def test_each_section_has_a_digest_of_its_own():
    before = known().inputs.sections
    _, found = after(lambda d: d.workloads.remove("shop-db"))
    now = found.inputs.sections
    assert [name for name in now if now[name] != before[name]] == ["workloads"]


def test_of_many_changes_the_first_are_named_and_the_others_counted():
    def many(draft):
        for number in range(inputs.NAMED + 6):
            draft.nodes.put(f"n-{number}", node(f"n-{number}"))

    before, found = after(many)
    changes, more = found.inputs.since(before)
    assert (len(changes), more) == (inputs.NAMED, 6)


def test_what_was_never_known_has_no_changes_since():
    assert Inputs.of(NODES).since("0" * 32) is None


def test_the_same_word_of_another_kind_is_another_entry():
    one = Inputs.of(documents={("Policy", "eu"): kept_document(Policy(name="eu"))})
    two = Inputs.of(documents={("Prices", "eu"): kept_document(Policy(name="eu"))})
    assert one.digest != two.digest
    assert Inputs.of(workloads=[workload("a-b")]).digest != Inputs.of().digest
