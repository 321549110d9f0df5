"""How a rollout will go, as a plan tells it."""

import dataclasses

from tests.hub.records import NOW, node, settled, work_on, workload
from tests.hub.rollout.test_beginning import NODES, applied, done, shop

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.rollout.judging import give
from skerry_hub.rollout.views import RolloutPlan, WaveView
from skerry_hub.state import Known


def planned(**update):
    sites = {1: "quay-1", 2: "quay-2", 3: "quay-2", 4: None}
    known = Known(
        [
            node(f"box-{number}", labels={"site": site} if site else {})
            for number, site in sites.items()
        ]
    )
    plan = None
    for number in (1, 2):
        lifecycle = Lifecycle(update=Update(**update))
        work = work_on(known)
        content = workload(image=f"localhost/web:{number}", replicas=4, lifecycle=lifecycle)
        plan = desired.apply(work, [content], prune=False)
        known = settled(known, work.draft)
    return plan.rollouts


def test_rolling_tells_how_many_at_once():
    assert planned(max_unavailable="50%") == (
        RolloutPlan(
            workload="shop-web",
            strategy="rolling",
            instances=4,
            at_once=2,
            waves=(WaveView(value="", instances=4),),
        ),
    )


def test_waves_are_told_in_their_order():
    (plan,) = planned(wave_by="site")
    assert [(one.value, one.instances) for one in plan.waves] == [
        ("quay-1", 1), ("quay-2", 2), ("", 1),
    ]  # fmt: skip


def test_a_canary_is_told():
    (plan,) = planned(strategy="canary", canary="50%", canary_pauses=True)
    assert (plan.canary, plan.canary_pauses) == (2, True)


def test_at_once_is_told_too():
    (plan,) = planned(strategy="at-once")
    assert (plan.strategy, plan.instances, plan.at_once) == ("at-once", 4, 4)


def halfway(known, number=2):
    """Return what is known when one of three instances was given the newest revision and has it."""
    known, _ = applied(known, shop(1))
    known, _ = applied(done(known), shop(number))
    updates = known.updates
    member = dataclasses.replace(
        give(updates.members["shop-web-0"], NOW), state="done", former=None
    )
    updates.members["shop-web-0"] = updates.by_workload["shop-web"]["shop-web-0"] = member
    return known


def steps(known, content):
    plan = desired.apply(work_on(known), [content], prune=False)
    return {one.instance: (one.action, one.detail) for one in plan.changes}, plan.rollouts


def test_an_undo_halfway_lists_only_what_had_the_newest_revision():
    found, (rollout,) = steps(halfway(Known(NODES)), shop(1))
    back = f"revision {shop(2).revision} to {shop(1).revision}"
    assert found == {
        "shop-web-0": ("replace", back), "shop-web-1": ("keep", ""), "shop-web-2": ("keep", ""),
    }  # fmt: skip
    assert rollout.instances == 1


def test_a_third_revision_halfway_says_of_each_what_it_has():
    found, (rollout,) = steps(halfway(Known(NODES)), shop(3))
    assert found == {
        f"shop-web-{number}": ("replace", f"revision {was.revision} to {shop(3).revision}")
        for number, was in enumerate((shop(2), shop(1), shop(1)))
    }
    assert rollout.instances == 3


def test_what_its_box_may_be_updating_is_listed_when_that_is_taken_back():
    known = halfway(Known(NODES))
    updates = known.updates
    member = dataclasses.replace(updates.members["shop-web-1"], withdrawn=True)
    updates.members["shop-web-1"] = updates.by_workload["shop-web"]["shop-web-1"] = member
    found, (rollout,) = steps(known, shop(1))
    assert [name for name, (action, _) in found.items() if action == "replace"] == [
        "shop-web-0", "shop-web-1",
    ]  # fmt: skip
    assert rollout.instances == 2
