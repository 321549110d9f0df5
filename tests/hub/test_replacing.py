"""What lost nodes had goes elsewhere: one decision a workload, and nothing ends for it."""

import pytest
from tests.hub.records import assignment, finished, kept, node, settled, work_on
from tests.hub.test_desired import LARGE, check

from skerry_hub import replacing
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Change, Liveness
from skerry_hub.replacing import MOST_TOLD, replace_all, told
from skerry_hub.state import Known
from skerry_hub.terms import Placement
from skerry_wire.lifecycle import Job


def lost(name, **fields):
    return node(name, liveness=Liveness.LOST, **fields)


def on(name, *numbers, workload="shop-web", **fields):
    return [assignment(f"{workload}-{number}", name, **fields) for number in numbers]


def replaced(known, **workloads):
    """Return the steps, and what is known once they are committed."""
    work = work_on(known)
    names = {name.replace("_", "-"): nodes for name, nodes in workloads.items()}
    changes = replace_all(work, names)
    check(work)
    return changes, settled(known, work.draft), work.draft


def homes(known):
    return {one.id: one.node for one in known.assignments.values()}


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_finished_job_stays_where_it_was_beside_one_that_is_not(succeeded):
    known = Known(
        [lost("box-1"), node("box-2")],
        [kept(replicas=2, lifecycle=Lifecycle(job=Job()))],
        [finished(succeeded=succeeded), *on("box-1", 1)],
    )
    _, after, draft = replaced(known, shop_web={"box-1"})
    assert homes(after) == {"shop-web-0": "box-1", "shop-web-1": "box-2"}
    (made,) = draft.made
    assert made.question.done == ("shop-web-0",)


def test_what_lost_nodes_had_goes_elsewhere_in_one_decision():
    known = Known(
        [lost("box-1"), lost("box-2"), node("box-3"), node("box-4")],
        [kept(replicas=4)],
        [*on("box-1", 0), *on("box-2", 1, 2), *on("box-3", 3)],
    )
    changes, after, draft = replaced(known, shop_web={"box-1", "box-2"})
    assert [(one.action, one.instance) for one in changes] == [
        ("move", f"shop-web-{number}") for number in range(3)
    ]
    assert set(homes(after).values()) == {"box-3", "box-4"}
    (made,) = draft.made
    assert (made.cause, made.question.method) == ("loss", "lose")
    assert made.question.nodes == ("box-1", "box-2")
    assert draft.touched == {"box-1", "box-2", "box-3", "box-4"}
    assert changes[0].detail == "from box-1: its node is lost"


def test_what_no_node_takes_stays_and_is_no_decision():
    known = Known([lost("box-1")], [kept()], on("box-1", 0))
    changes, after, draft = replaced(known, shop_web={"box-1"})
    assert changes == ()
    assert homes(after) == {"shop-web-0": "box-1"}
    assert draft.made == []
    assert draft.empty


def test_nothing_ends_for_it_and_the_more_important_comes_first():
    known = Known(
        [lost("box-1"), node("box-2"), node("box-3")],
        [
            kept(resources=LARGE),
            kept("shop-db", resources=LARGE, placement=Placement(priority=100)),
            kept("shop-old", resources=LARGE),
        ],
        [
            *on("box-1", 0, resources=LARGE),
            *on("box-1", 0, workload="shop-db", resources=LARGE),
            *on("box-2", 0, workload="shop-old", resources=LARGE),
        ],
    )
    _, after, _ = replaced(known, shop_web={"box-1"}, shop_db={"box-1"})
    assert homes(after) == {
        "shop-web-0": "box-1",
        "shop-db-0": "box-3",
        "shop-old-0": "box-2",
    }


def test_what_was_missing_before_is_not_forgotten_by_it():
    known = Known(
        [lost("box-1"), node("box-2")], [kept(replicas=3)], on("box-1", 0), unplaced={"shop-web": 2}
    )
    work = work_on(known)
    assert replace_all(work, {"shop-web": {"box-1"}})
    assert work.draft.unplaced("shop-web") == 2


def test_very_many_nodes_are_several_decisions():
    count = replacing.MOST_NODES + 1
    names = [f"box-{number}" for number in range(count)]
    known = Known(
        [*map(lost, names), node("other")],
        [kept(replicas=count)],
        [assignment(f"shop-web-{number}", name) for number, name in enumerate(names)],
    )
    work = work_on(known)
    replace_all(work, {"shop-web": names})
    assert [len(one.question.nodes) for one in work.draft.made] == [replacing.MOST_NODES, 1]
    assert set(homes(settled(known, work.draft)).values()) == {"other"}


def test_a_workload_that_is_gone_is_nobodys():
    work = work_on(Known([lost("box-1")]))
    assert replace_all(work, {"shop-web": {"box-1"}}) == ()


@pytest.mark.parametrize("count", [1, MOST_TOLD, MOST_TOLD + 3])
def test_it_is_told_by_node(count):
    changes = [
        Change(action="move", instance=f"shop-web-{n}", workload="shop-web", node="box-2")
        for n in range(count)
    ]
    ((name, words),) = told(changes, {one.instance: "box-1" for one in changes})
    assert name == "box-1"
    assert words.startswith("placed elsewhere: shop-web-0 to box-2")
    assert words.endswith("and 3 more") == (count > MOST_TOLD)
