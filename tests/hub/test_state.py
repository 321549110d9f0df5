"""Drafts and what they become, against plain dicts that do the same."""

from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import assignment, kept, kept_document, node, work_on, workload

from skerry_hub import desired
from skerry_hub.documents import DocumentChange, Endpoint, Policy
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
        lambda draft: draft.documents.remove(("Policy", "eu")),
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


EU = Policy(name="eu")


def change(version, action="put", document=EU):
    return DocumentChange(document=document, version=version, action=action, at=0.0)


def test_documents_are_read_through_and_settle():
    known = Known(documents=[kept_document(EU)], document_versions={("Policy", "eu"): 1})
    draft = Draft(known)
    erp = Endpoint(name="eu", host="erp", port=443)
    draft.documents.put(("Endpoint", "eu"), kept_document(erp))
    draft.document_changes.append(change(1, document=erp))
    draft.documents.remove(("Policy", "eu"))
    draft.document_changes.append(change(2, "delete"))
    assert [one.document for one in draft.documents.values()] == [erp]
    assert list(known.documents) == [("Policy", "eu")]
    known.settle(draft)
    assert {key: one.document for key, one in known.documents.items()} == {("Endpoint", "eu"): erp}
    assert known.document_versions == {("Policy", "eu"): 2, ("Endpoint", "eu"): 1}


def test_the_newest_version_of_a_document_is_the_drafts_own_or_the_one_before():
    draft = Draft(Known(document_versions={("Policy", "eu"): 7}))
    assert draft.document_version(("Policy", "eu")) == 7
    assert draft.document_version(("Prices", "eu")) == 0
    draft.document_changes += [change(8), change(9, "delete")]
    assert draft.document_version(("Policy", "eu")) == 9


# --- the steps of a draft -----------------------------------------------------------------


def test_each_step_of_a_draft_is_there_in_its_turn():
    known = Known([node("box-1")], [kept()])
    draft = Draft(known)
    labelled = node("box-1", labels={"a": "b"})
    draft.nodes.put("box-1", labelled)
    draft.assignments.put("shop-web-0", assignment())
    draft.assignments.remove("shop-web-0")
    draft.workloads.remove("shop-web")
    draft.orders.remove("box-1")  # placement does not see orders
    assert [(step.section, step.key, step.before, step.after) for step in draft.steps] == [
        ("nodes", "box-1", node("box-1"), labelled),
        ("assignments", "shop-web-0", None, assignment()),
        ("assignments", "shop-web-0", assignment(), None),
        ("workloads", "shop-web", kept(), None),
    ]
    assert draft.base().steps == []


def test_the_first_cause_is_the_one_that_counts():
    draft = Draft(Known())
    draft.because("adopt")
    draft.because("fill")
    assert draft.cause == "adopt"


def test_what_found_no_place_is_known_until_it_has_one():
    known = Known([node("box-1")], unplaced={"shop-web": 2, "shop-db": 1})
    work = work_on(known)
    assert work.draft.unplaced("shop-web") == 2
    desired.apply(work, [workload()], prune=False)
    assert not work.draft.empty
    assert work.draft.unplaced("shop-web") == 0
    assert known.unplaced == {"shop-web": 2, "shop-db": 1}
    known.settle(work.draft)
    assert known.unplaced == {"shop-db": 1}
