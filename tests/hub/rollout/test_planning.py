"""How a rollout will go, as a plan tells it."""

from tests.hub.records import node, settled, work_on, workload

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
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
