"""What is shown of a rollout, and of a history."""

from tests.hub.records import NOW, assignment, kept, node, report, status, workload
from tests.hub.rollout.situations import NEW, OLD, at, rollout, waiting

from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.model import Liveness
from skerry_hub.rollout.records import RevisionRecord
from skerry_hub.rollout.showing import history_views, rollout_detail, rollout_view
from skerry_hub.rollout.state import KnownRollouts
from skerry_hub.showing import workload_view
from skerry_hub.state import Known

WAS = workload(image="localhost/web:1")
UPDATE = Lifecycle(update=Update(max_unavailable="2", wave_by="site"))


def known(**fields):
    nodes = [
        node(f"box-{number}", report=report(), labels={"site": "quay-1"}) for number in range(5)
    ]
    nodes[3] = node("box-3", liveness=Liveness.LOST)
    found = Known(
        nodes,
        [kept(image="localhost/web:2", replicas=6, lifecycle=UPDATE)],
        [assignment(f"shop-web-{number}", f"box-{number % 5}", NEW) for number in range(6)],
    )
    members = [
        waiting("shop-web-0", former=assignment("shop-web-0", "box-0", OLD)),
        at("shop-web-1"),
        at("shop-web-2", held=True, reason="its box holds it back: locked"),
        waiting("shop-web-3", former=assignment("shop-web-3", "box-3", OLD)),
        at("shop-web-4", state="failed", reason="went back"),
    ]
    found.updates = KnownRollouts(
        [rollout(6, already=1, **fields)], members, {"shop-web": 2}, {("shop-web", 1): WAS}
    )
    return found


def kept_of(known_):
    return known_.workloads["shop-web"]


def test_everybody_is_counted_once():
    found = known()
    view = rollout_view(found, kept_of(found))
    assert (view.total, view.done, view.updating, view.waiting) == (6, 1, 1, 1)
    assert (view.held, view.behind, view.failed) == (1, 1, 1)
    assert (view.at_once, view.wave, view.undone_to) == (2, "quay-1", 1)
    assert view.reason == (
        "1 at work; waiting: host-box-2 (box-2) holds its update back: locked; "
        "1 waiting, 2 at once; 1 behind: its node is lost"
    )


def test_a_reason_that_was_given_is_the_one_that_is_shown():
    found = known(state="paused", reason="1 of 6 failed")
    assert rollout_view(found, kept_of(found)).reason == "1 of 6 failed"


def test_the_detail_names_those_that_failed_first():
    found = known()
    detail = rollout_detail(found, kept_of(found))
    assert [(one.instance, one.state) for one in detail.instances] == [
        ("shop-web-4", "failed"),
        ("shop-web-1", "updating"),
        ("shop-web-2", "held"),
        ("shop-web-3", "behind"),
        ("shop-web-0", "waiting"),
    ]
    assert detail.instances[3].reason == "its node is lost"


def test_a_workload_without_a_rollout_is_done():
    found = Known([node()], [kept()], [assignment()])
    detail = rollout_detail(found, kept_of(found))
    assert (detail.rollout.state, detail.rollout.done, detail.rollout.total) == ("done", 1, 1)
    assert rollout_view(found, kept_of(found)) is None


def test_a_view_of_the_workload_shows_what_each_instance_has_and_why_it_is_not_done():
    found = known()
    view = workload_view(found, kept_of(found))
    assert view.rollout.number == 2
    assert view.reason.startswith("its rollout is progressing: 1 at work")
    images = {one.id: one.image for one in view.instances}
    assert images["shop-web-0"] == "localhost/web:1"
    assert images["shop-web-1"] == "localhost/web:2"


def test_a_history_tells_what_changed_and_who_has_what():
    history = [
        RevisionRecord(
            workload="shop-web",
            number=number,
            at=NOW,
            cause="apply",
            content=workload(image=f"localhost/web:{number}", replicas=number),
        )
        for number in (2, 1)
    ]
    new, old = history_views(known(), history)
    assert new.changes == ("containers.0.image: localhost/web:1 -> localhost/web:2",)
    assert (new.instances, old.instances) == (4, 2)
    assert (old.changes, old.images) == ((), ("localhost/web:1",))
    assert history_views(known(), []) == []


def test_one_of_which_nothing_found_a_node_says_so():
    found = Known([], [kept(replicas=2)], [], unplaced={"shop-web": 2})
    reason = "none of 2 found a node: see skerry explain"
    assert rollout_detail(found, kept_of(found)).rollout.reason == reason
    found.updates = KnownRollouts([rollout(0, state="done")], [], {"shop-web": 2})
    assert rollout_view(found, kept_of(found)).reason == reason


DEAF = "the hub hears no box since 12:03"


def test_what_goes_on_says_that_no_box_can_be_heard():
    found = known()
    detail = rollout_detail(found, kept_of(found), DEAF)
    assert detail.rollout.reason.startswith(f"{DEAF}; 1 at work")
    reasons = {one.instance: one.reason for one in detail.instances}
    assert reasons["shop-web-0"] == DEAF
    assert reasons["shop-web-2"] == f"its box holds it back: locked; {DEAF}"
    assert reasons["shop-web-4"] == "went back", "what failed does not wait for it"
    assert rollout_view(found, kept_of(found), DEAF).reason == detail.rollout.reason
    paused = known(state="paused", reason="1 of 6 failed")
    assert rollout_view(paused, kept_of(paused), DEAF).reason == "1 of 6 failed"


def test_what_is_behind_says_what_was_told_of_it_last():
    found = known()
    told = report(instances=(status("shop-web-3", reason="image pull back-off"),))
    found.nodes["box-3"] = node("box-3", liveness=Liveness.LOST, report=told)
    detail = rollout_detail(found, kept_of(found))
    assert detail.instances[3].reason == "its node is lost; last told: image pull back-off"
