"""Drafts and what they become, against plain dicts that do the same."""

from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import assignment, kept, node

from skerry_hub.state import Draft, Known, Publication

NODES = ["box-1", "box-2", "box-3"]
NAMES = ["shop-web", "shop-db"]
IDS = [f"{name}-{index}" for name in NAMES for index in range(3)]

changes = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from([None, *NODES])), max_size=12)


def by(field, assignments):
    found = {}
    for one in assignments:
        found.setdefault(getattr(one, field), set()).add(one.id)
    return found


def check(view, model):
    """Compare what a draft, or what is known, shows with a plain dict."""
    for node_id in NODES:
        wanted = {a.id for a in model.values() if a.node == node_id}
        assert {a.id for a in view.on_node(node_id)} == wanted
    for name in NAMES:
        wanted = {a.id for a in model.values() if a.workload == name}
        assert {a.id for a in view.of_workload(name)} == wanted
    for key in IDS:
        assert view.assignments.get(key) == model.get(key)


@given(st.lists(changes, max_size=5))
def test_drafts_read_through_and_settle_as_dicts_do(transactions):
    known, model = Known(), {}
    for transaction in transactions:
        draft = Draft(known)
        before = dict(model)
        for key, where in transaction:
            if where is None:
                draft.assignments.remove(key)
                model.pop(key, None)
            else:
                draft.assignments.put(key, assignment(key, where))
                model[key] = assignment(key, where)
        check(draft, model)
        assert {one.id for one in draft.assignments.values()} == set(model)
        check(known, before)
        known.settle(draft)
        check(known, model)
        assert by("node", known.assignments.values()) == {
            key: set(held) for key, held in known.by_node.items()
        }, "no empty entry stays behind"


def test_a_draft_is_empty_until_something_is_changed():
    known = Known([node()], [kept()], [assignment()])
    assert Draft(known).empty
    for change in (
        lambda draft: draft.nodes.put("box-1", node()),
        lambda draft: draft.nodes.remove("box-1"),
        lambda draft: draft.workloads.remove("shop-web"),
        lambda draft: draft.assignments.remove("shop-web-0"),
        lambda draft: draft.orders.remove("box-1"),
        lambda draft: draft.outbox.append(Publication(topic="t", payload=b"")),
    ):
        draft = Draft(known)
        change(draft)
        assert not draft.empty


def test_a_touched_node_alone_is_nothing_to_commit():
    draft = Draft(Known())
    draft.touched.add("box-1")
    assert draft.empty


def test_a_removed_value_is_gone_and_may_come_again():
    draft = Draft(Known([node()]))
    draft.nodes.remove("box-1")
    assert draft.nodes.get("box-1") is None
    assert list(draft.nodes.values()) == []
    draft.nodes.put("box-1", node(generation=3))
    assert [one.generation for one in draft.nodes.values()] == [3]
