"""What is seen of an instance: its node's report, and whether that is of now."""

from tests.hub.records import (
    assignment,
    capability,
    changed,
    node,
    refusal,
    report,
    status,
    workload,
)
from tests.hub.rollout.situations import NEW, OLD, waiting

from skerry_hub.model import Liveness
from skerry_hub.rollout.looking import EVERY_NODE, look
from skerry_hub.state import Known
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.lifecycle import PullStatus
from skerry_wire.messages import Health, InstanceState


def looked(node_, assigned=None, heard=EVERY_NODE, wave_by=""):
    known = Known([node_], [], [assigned or assignment()])
    return look(known, [waiting()], heard, wave_by, NEW).get("shop-web-0")


def test_an_instance_as_its_node_tells_it():
    told = status(health=Health.UNHEALTHY, reason="no answer")
    found = looked(node(report=report(instances=(told,))))
    assert (found.node, found.hostname) == ("box-1", "host-box-1")
    assert found.online
    assert found.running
    assert (found.health, found.reason) == (Health.UNHEALTHY, "no answer")
    assert not found.available
    assert not found.good


def test_one_that_exited_does_not_run():
    found = looked(node(report=report(instances=(status(state=InstanceState.EXITED),))))
    assert not found.available


def test_what_is_made_and_pulled_of_it():
    pull = PullStatus(image="registry.example/web:2", done_bytes=5)
    told = status(state=InstanceState.PULLING, pull=pull, container_ids=("f" * 12,))
    found = looked(node(report=report(instances=(told,))))
    assert (found.made, found.pull) == (True, pull)
    told = status(state=InstanceState.PENDING, container_ids=())
    found = looked(node(report=report(instances=(told,))))
    assert (found.made, found.pull) == (False, None)


def test_nothing_told_is_no_revision():
    assert looked(node()).revision is None


def test_a_node_that_is_not_online_or_is_held_is_away():
    assert looked(node(liveness=Liveness.LOST)).away == "its node is lost"
    assert "diverged" in looked(node(diverged="it is ahead")).away


def test_a_node_that_was_not_heard_in_this_life_of_the_hub_is_neither_online_nor_away():
    found = looked(node(), heard=())
    assert (found.unheard, found.online, found.away) == (True, False, "")


def test_only_a_refusal_of_the_newest_order_counts():
    old = node(generation=2, report=report(refusal=refusal(generation=1)))
    assert looked(old).refused == ""
    new = changed(old, generation=1)
    assert looked(new).refused == "the node refused its order: not allowed"


def test_the_wave_is_a_label_of_the_node():
    assert looked(node(labels={"site": "quay-3"}), wave_by="site").wave == "quay-3"
    assert looked(node(), wave_by="site").wave == ""


def test_one_on_another_node_than_before_has_moved_and_one_without_a_node_is_not_seen():
    assert looked(node(), assignment(node="box-1")).moved is False
    elsewhere = Known([node("box-2")], [], [assignment(node="box-2")])
    assert look(elsewhere, [waiting()], EVERY_NODE, "", NEW)["shop-web-0"].moved
    assert look(Known(), [waiting()], EVERY_NODE, "", NEW) == {}


def test_one_that_was_not_placed_anew_is_to_be_whichever_revision_it_was_placed_with():
    other = workload(image="localhost/web:3").revision
    found = [looked(node(), assignment(revision=one)).to_place for one in (OLD, other, NEW)]
    assert found == [True, True, False]


def test_only_what_is_another_record_is_looked_at_again():
    known = Known([node(), node("box-2")], [], [assignment(), assignment("shop-web-1", "box-2")])
    members, cache = [waiting(), waiting("shop-web-1")], {}
    first = look(known, members, EVERY_NODE, "", NEW, cache)
    known.nodes["box-2"] = node("box-2", liveness=Liveness.LOST)
    second = look(known, members, EVERY_NODE, "", NEW, cache)
    assert second["shop-web-0"] is first["shop-web-0"]
    assert second["shop-web-1"].away == "its node is lost"
    assert look(known, members, (), "", NEW, cache)["shop-web-0"].unheard
    assert look(known, members, (), "", NEW, cache) == look(known, members, (), "", NEW)


def test_a_box_whose_policy_cannot_be_used_is_not_waited_for():
    bad = capability(hostname="host-box-1", policy=BoxPolicy(trouble="line 3 is wrong"))
    assert looked(node(capability=bad)).away == "line 3 is wrong"
