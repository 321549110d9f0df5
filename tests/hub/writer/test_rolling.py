"""Rollouts by the one writer, with boxes that do what they are ordered: a hub at work."""

import collections
import dataclasses
import secrets

import pytest
from tests.hub.obeying import Boxes
from tests.hub.records import NOW, assignment, node, presence, workload
from tests.hub.rig import Rig, until

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.rollout import advancing
from skerry_hub.rollout.records import Member
from skerry_hub.rollout.showing import rollout_detail
from skerry_hub.rollout.state import KnownRollouts
from skerry_hub.state import Draft, Known
from skerry_hub.writer.rolling import Rolling

ONE, TWO, THREE = (f"localhost/web:{number}" for number in (1, 2, 3))
NAMES = ("box-1", "box-2", "box-3", "box-4")


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path).start()
    yield rig
    rig.stop()


@pytest.fixture
def boxes(rig):
    boxes = Boxes(rig, *NAMES)
    rig.apply(shop(ONE))
    boxes.obey()
    return boxes


def shop(image, replicas=4, **update):
    lifecycle = Lifecycle(update=Update(**{"max_unavailable": "1", **update}))
    return workload(image=image, replicas=replicas, lifecycle=lifecycle)


def images(boxes):
    return sorted(collections.Counter(boxes.ordered().values()).items())


def rollout(rig):
    return rig.service.known.updates.rollouts["shop-web"]


def kinds(rig):
    return [one.kind for one in rig.store.events(workload="shop-web", limit=100)]


def test_one_box_after_the_other_gets_the_new_content(rig, boxes):
    rig.apply(shop(TWO))
    for done in range(4):
        assert images(boxes) == [(ONE, 3 - done), (TWO, 1 + done)][done == 3 :]
        boxes.obey()
    assert rollout(rig).state == "done"
    assert rig.service.known.updates.members == {}
    assert rig.service.known.updates.contents == {}
    assert kinds(rig) == ["rollout_started", *["updated"] * 4, "rollout_done"] * 2


def test_a_hub_that_is_killed_goes_on_where_it_was(rig, boxes, tmp_path):
    rig.apply(shop(TWO))
    boxes.obey()
    rig.stop()
    again = Rig(tmp_path, rig.key).start()
    try:
        boxes.rig = again
        again.broker.sent += rig.broker.sent
        again.idle()
        assert images(boxes) == [(ONE, 2), (TWO, 2)], "nobody was heard of yet"
        for _ in range(4):
            boxes.obey()
        assert images(boxes) == [(TWO, 4)]
        assert rollout(again).state == "done"
    finally:
        again.stop()


def test_a_bad_content_stops_at_the_first_box_and_an_undo_takes_it_back(rig, boxes):
    boxes.bad.add(TWO)
    rig.apply(shop(TWO))
    boxes.obey()
    assert rollout(rig).state == "paused"
    assert images(boxes) == [(ONE, 3), (TWO, 1)]
    first = rig.store.revision("shop-web", 1)
    rig.service.call(lambda work: desired.undo(work, first))
    boxes.obey()
    assert images(boxes) == [(ONE, 4)]
    assert rollout(rig).state == "done"
    assert [(one.number, one.cause, one.back_to) for one in rig.store.revisions("shop-web")] == [
        (3, "undo", 1), (2, "apply", 0), (1, "apply", 0),
    ]  # fmt: skip


def test_it_is_rolled_back_by_itself_where_that_is_asked_for(rig, boxes):
    rig.apply(shop(TWO, max_unavailable="2", on_failure="rollback", max_failed=1))
    boxes.obey("box-1")
    boxes.bad.add(TWO)
    for _ in range(6):
        boxes.obey()
    assert images(boxes) == [(ONE, 4)]
    newest = rig.store.revisions("shop-web")[0]
    assert (newest.cause, newest.back_to) == ("rollback", 1)
    assert rollout(rig).state == "done"
    assert "rollout_paused" in kinds(rig)
    told = rollout(rig).rolled_back
    assert (told.number, told.to) == (2, 1)
    assert told.reason.startswith("2 of 4 failed: shop-web-1 (went back to what ran before: bad)")
    assert "goes back" not in told.reason
    kept = rig.service.known.workloads["shop-web"]
    assert rollout_detail(rig.service.known, kept).rollout.rolled_back == told
    rig.apply(shop(THREE))
    assert rollout(rig).rolled_back is None


def test_it_is_never_rolled_back_to_what_never_ran(rig):
    boxes = Boxes(rig, *NAMES)
    boxes.bad |= {TWO, THREE}
    update = {"max_unavailable": "2", "on_failure": "rollback"}
    rig.apply(shop(THREE, **update))
    boxes.obey()
    rig.apply(shop(TWO, **update))
    boxes.obey()
    boxes.obey()
    assert rollout(rig).state == "paused"
    assert "revision 1 was never seen to run" in rollout(rig).reason
    assert [one.number for one in rig.store.revisions("shop-web")] == [2, 1]


def test_it_is_rolled_back_past_what_never_ran(rig, boxes):
    boxes.bad |= {TWO, THREE}
    rig.apply(shop(TWO, on_failure="continue", max_unavailable="4"))
    for _ in range(3):
        boxes.obey()
    assert rollout(rig).state == "done"
    rig.apply(shop(THREE, on_failure="rollback"))
    assert (rollout(rig).stable, rollout(rig).stable_ran) == (1, True)
    for _ in range(3):
        boxes.obey()
    assert images(boxes) == [(ONE, 4)]


def test_a_newer_apply_takes_each_instance_from_what_it_has_to_the_newest(rig, boxes):
    rig.apply(shop(TWO))
    boxes.obey()
    rig.apply(shop(THREE))
    had = images(boxes)
    assert had == [(ONE, 2), (TWO, 1), (THREE, 1)]
    for _ in range(4):
        boxes.obey()
    assert images(boxes) == [(THREE, 4)]
    assert rollout(rig).stable == 1


def test_it_is_paused_and_resumed(rig, boxes):
    rig.apply(shop(TWO))
    rig.service.call(lambda work: advancing.pause(work, "shop-web"))
    boxes.obey()
    boxes.obey()
    assert images(boxes) == [(ONE, 3), (TWO, 1)]
    rig.service.call(lambda work: advancing.resume(work, "shop-web"))
    for _ in range(4):
        boxes.obey()
    assert images(boxes) == [(TWO, 4)]


def test_it_is_scaled_meanwhile_and_new_instances_have_the_newest_content(rig, boxes):
    rig.apply(shop(TWO, replicas=4))
    rig.apply(shop(TWO, replicas=6))
    assert images(boxes) == [(ONE, 3), (TWO, 3)]
    rig.apply(shop(TWO, replicas=2))
    for _ in range(4):
        boxes.obey()
    assert images(boxes) == [(TWO, 2)]
    assert rollout(rig).state == "done"


def test_a_node_that_is_drained_meanwhile_takes_the_newest_content_along(rig, boxes):
    rig.apply(shop(TWO))
    held = [key for key, image in boxes.ordered().items() if image == ONE]
    source = rig.service.known.assignments[held[0]].node
    assert rig.say(source, presence(online=False, seq=boxes.seq + 100)).wait(20)
    rig.service.call(lambda work: desired.forget(work, work.draft.nodes.get(source)))
    boxes.names = tuple(name for name in NAMES if name != source)
    assert boxes.ordered()[held[0]] == TWO


def test_blue_green_has_both_sets_until_the_second_is_up(rig, boxes):
    rig.apply(shop(TWO, strategy="blue-green"))
    assert images(boxes) == [(ONE, 4), (TWO, 4)]
    rig.apply(shop(TWO, strategy="blue-green"))
    assert images(boxes) == [(ONE, 4), (TWO, 4)], "applied again, it is the same"
    boxes.obey("box-1", "box-2", "box-3")
    assert images(boxes) == [(ONE, 4), (TWO, 4)]
    boxes.obey("box-4")
    assert images(boxes) == [(TWO, 4)]
    assert rig.service.known.workloads["shop-web"].workload.replicas == 4
    boxes.obey()
    assert rollout(rig).state == "done"


def test_blue_green_is_undone_by_the_end_of_the_second_set(rig, boxes):
    boxes.bad.add(TWO)
    rig.apply(shop(TWO, strategy="blue-green"))
    before = rig.store.revision("shop-web", 1)
    boxes.obey("box-1")
    assert rollout(rig).state == "paused"
    rig.service.call(lambda work: desired.undo(work, before))
    assert images(boxes) == [(ONE, 4)]
    assert rollout(rig).state == "done"
    assert rig.service.known.workloads["shop-web"].workload.replicas == 4


def test_an_order_that_does_not_fit_pauses_it(rig, boxes):
    boxes.rig.apply(shop(ONE, replicas=5))
    boxes.obey()
    large = shop(TWO, replicas=5)
    salt = {f"KEY_{number}": secrets.token_hex(15_000) for number in range(10)}
    container = dataclasses.replace(large.containers[0], environment=salt)
    rig.apply(dataclasses.replace(large, containers=(container,)))
    for _ in range(6):
        boxes.obey()
    assert images(boxes) == [(ONE, 1), (TWO, 4)], "two of them are too much for one order"
    assert rollout(rig).state == "paused"
    assert "does not fit" in rollout(rig).reason


def test_only_workloads_of_nodes_that_told_something_are_due():
    known = Known([node(), node("box-2")], [], [
        assignment(), assignment("shop-web-1", node="box-2"), assignment("till-web-0"),
    ])  # fmt: skip
    known.updates = KnownRollouts(
        members=[
            Member(id=f"{name}-{at}", workload=name, state="updating", since=NOW)
            for name, at in (("shop-web", 1), ("till-web", 0))
        ]
    )
    rolling = Rolling()
    rolling.nodes(known, ["box-2"])
    assert rolling.due(NOW) == {"shop-web"}
    assert rolling.due(NOW) == set()
    draft = Draft(known)
    draft.nodes.put("box-1", node())
    rolling.committed(known, draft)
    assert rolling.due(NOW) == {"shop-web", "till-web"}
    rolling.all(known)
    assert rolling.due(NOW) == {"shop-web", "till-web"}


def test_a_workload_whose_step_took_long_is_left_alone_for_a_while_and_not_forgotten():
    known = Known([node()], [], [assignment()])
    known.updates = KnownRollouts(
        members=[Member(id="shop-web-0", workload="shop-web", state="updating", since=NOW)]
    )
    rolling = Rolling()
    rolling.rest("shop-web", 0.05)
    rolling.nodes(known, ["box-1"])
    assert rolling.due(NOW) == set()
    until("its turn", lambda: rolling.due(NOW) == {"shop-web"})
    rolling.rest("shop-web", 0.0001)
    rolling.nodes(known, ["box-1"])
    assert rolling.due(NOW) == {"shop-web"}, "a quick one is never left alone"


def test_the_hub_looks_again_when_a_time_has_come(rig, boxes):
    rig.apply(shop(TWO, settle_s=0.5, replicas=4))
    boxes.obey()
    until("the second", lambda: images(boxes) == [(ONE, 2), (TWO, 2)])
