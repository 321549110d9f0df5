"""What waits until it has ended elsewhere, whatever moved it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import FIRST, NOW, SECOND, assignment, kept, node, report, settled, status

from skerry_hub import vacating
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.orders import Issued
from skerry_hub.state import Draft, Known

LEASED = Lifecycle(lease_s=60.0)


def box(name="box-1", generation=1, **fields):
    return node(name, generation=generation, **fields)


def issued(name="box-1", incarnation=FIRST):
    return Issued(node=name, incarnation=incarnation, generation=1, content="c" * 16, envelope=b"")


def known_with(*assignments, lifecycle=LEASED, nodes=("box-1", "box-2", "box-3")):
    return Known(
        [box(name) for name in nodes],
        [kept(lifecycle=lifecycle)],
        assignments or [assignment()],
        [issued(name) for name in nodes],
    )


def changed(known, *moves, lifecycle=None, now=NOW):
    """Return what is known after instances moved: (instance, node or None)."""
    draft = Draft(known)
    for name, where in moves:
        if where is None:
            draft.assignments.remove(name)
        else:
            draft.assignments.put(name, assignment(name, where))
    if lifecycle is not None:
        draft.workloads.put("shop-web", kept(lifecycle=lifecycle))
    vacating.follow(draft, now)
    noted = dict(draft.vacating.changes)
    vacating.follow(draft, now)
    assert draft.vacating.changes == noted, "doing it again changes nothing more"
    return settled(known, draft)


def reported(known, name, reached, *names, incarnation=FIRST):
    """Return what is known after a node said what it runs, and which nodes are touched by that."""
    draft = Draft(known)
    said = report(
        seq=9, accepted=reached, incarnation=incarnation, instances=tuple(map(status, names))
    )
    draft.nodes.put(name, box(name, report=said, incarnation=incarnation))
    vacating.follow(draft, NOW)
    return settled(known, draft), draft.touched


def waiting(known):
    draft = Draft(known)
    return {one.id for one in known.assignments.values() if vacating.waits(draft, one)}


def places(known, name="shop-web-0"):
    found = known.vacating.get(name)
    return [] if found is None else [(one.node, one.lease_s) for one in found.places]


def test_what_moves_waits_for_its_earlier_place():
    known = changed(known_with(), ("shop-web-0", "box-2"))
    assert places(known) == [("box-1", 60.0)]
    assert waiting(known) == {"shop-web-0"}
    assert known.vacating_on == {"box-1": {"shop-web-0"}}


def test_without_a_lease_nobody_waits():
    known = changed(known_with(lifecycle=Lifecycle()), ("shop-web-0", "box-2"))
    assert (places(known), waiting(known)) == ([], set())


def test_a_report_of_a_later_order_without_it_ends_that():
    known = changed(known_with(), ("shop-web-0", "box-2"))
    known, touched = reported(known, "box-1", 1)
    assert waiting(known) == {"shop-web-0"}, "that order may have had it"
    known, touched = reported(known, "box-1", 2, "shop-web-0")
    assert waiting(known) == {"shop-web-0"}, "it is still there"
    known, touched = reported(known, "box-1", 2, "shop-web-1")
    assert (waiting(known), known.vacating, known.vacating_on) == (set(), {}, {})
    assert touched == {"box-2"}


def test_another_incarnation_says_nothing_of_the_earlier_one():
    known = changed(known_with(), ("shop-web-0", "box-2"))
    known, _ = reported(known, "box-1", 9, incarnation=SECOND)
    assert waiting(known) == {"shop-web-0"}


def test_a_lease_that_is_over_ends_it_too():
    known = changed(known_with(), ("shop-web-0", "box-2"))
    draft = Draft(known)
    vacating.end(draft, [("shop-web-0", "box-1"), ("shop-web-7", "box-1")])
    assert draft.touched == {"box-2"}
    assert waiting(settled(known, draft)) == set()


def test_who_waited_was_never_there_and_who_comes_back_is_at_home():
    known = changed(known_with(), ("shop-web-0", "box-2"))
    known = changed(known, ("shop-web-0", "box-3"))
    assert places(known) == [("box-1", 60.0)]
    known = changed(known, ("shop-web-0", "box-1"))
    assert (places(known), waiting(known)) == ([], set())


def test_deleted_and_wanted_again_elsewhere_is_a_move():
    known = changed(known_with(), ("shop-web-0", None))
    assert waiting(known) == set()
    known = changed(known, ("shop-web-0", "box-2"))
    assert waiting(known) == {"shop-web-0"}
    assert waiting(changed(known, ("shop-web-0", "box-1"))) == set()


def test_a_node_that_is_forgotten_still_has_its_lease():
    draft = Draft(known_with())
    draft.assignments.put("shop-web-0", assignment("shop-web-0", "box-2"))
    draft.nodes.remove("box-1")
    vacating.follow(draft, NOW)
    assert waiting(settled(known_with(), draft)) == {"shop-web-0"}


def test_a_node_that_was_never_ordered_anything_has_nothing():
    known = Known([box(generation=0), box("box-2")], [kept(lifecycle=LEASED)], [assignment()])
    assert waiting(changed(known, ("shop-web-0", "box-2"))) == set()


def test_who_gets_a_lease_runs_without_one_until_its_node_says_otherwise():
    known = changed(known_with(lifecycle=Lifecycle()), lifecycle=LEASED)
    assert (places(known), waiting(known)) == ([("box-1", None)], set())
    moved = changed(known, ("shop-web-0", "box-2"))
    assert (places(moved), waiting(moved)) == ([("box-1", None)], {"shop-web-0"})
    known, _ = reported(known, "box-1", 2, "shop-web-0")
    assert places(known) == []


def test_a_move_that_brings_the_lease_along_waits_for_the_nodes_word():
    known = changed(known_with(lifecycle=Lifecycle()), ("shop-web-0", "box-2"), lifecycle=LEASED)
    assert (places(known), waiting(known)) == ([("box-1", None)], {"shop-web-0"})


def test_a_shorter_lease_counts_once_its_node_has_it():
    short, shorter = Lifecycle(lease_s=30.0), Lifecycle(lease_s=15.0)
    known = changed(changed(known_with(), lifecycle=short), lifecycle=shorter)
    assert places(known) == [("box-1", 60.0)]
    moved = changed(known, ("shop-web-0", "box-2"))
    assert places(moved) == [("box-1", 60.0)]
    known, _ = reported(known, "box-1", 2, "shop-web-0")
    assert places(changed(known, ("shop-web-0", "box-2"))) == [("box-1", 15.0)]


def test_a_lease_is_renewed_where_the_instance_is_ordered():
    known = known_with(assignment(), assignment("shop-web-1", "box-2"))
    grantable = {name: dict(vacating.grantable(known, one)) for name, one in known.nodes.items()}
    assert grantable == {"box-1": {"shop-web-0": 60.0}, "box-2": {"shop-web-1": 60.0}, "box-3": {}}
    known = changed(known, ("shop-web-0", "box-2"))
    assert vacating.grantable(known, known.nodes["box-1"]) == {}
    assert vacating.grantable(known, known.nodes["box-2"]) == {"shop-web-1": 60.0}


@pytest.mark.parametrize("fields", [{"diverged": "it is ahead"}, {"incarnation": SECOND}])
def test_no_lease_is_renewed_on_a_node_that_follows_no_order_of_ours(fields):
    known = known_with()
    assert vacating.grantable(known, box(**fields)) == {}
    known.orders.clear()
    assert vacating.grantable(known, box()) == {}


STEPS = st.sampled_from(["box-1", "box-2", "box-3", None, "says box-1", "says box-2", "says box-3"])


@given(st.lists(STEPS, max_size=30))
def test_an_instance_never_runs_in_two_places(course):
    """Each box follows its order when it is its turn, and then says so."""
    known, runs, orders = known_with(), {"box-1"}, 1
    for step in course:
        if step is None or not step.startswith("says"):
            known = changed(known, ("shop-web-0", step))
        else:
            name, orders = step.removeprefix("says "), orders + 1
            runs = runs - {name} | ({name} & ordered(known))
            known, _ = reported(known, name, orders, *("shop-web-0" for _ in runs & {name}))
        assert len(runs | ordered(known)) <= 1
    known = changed(known, ("shop-web-0", "box-2"))
    for name in ("box-1", "box-3"):
        known, _ = reported(known, name, orders + 1)
    assert ordered(known) == {"box-2"}


def ordered(known):
    """Return the nodes that are told to run it."""
    draft = Draft(known)
    return {one.node for one in known.assignments.values() if not vacating.waits(draft, one)}
