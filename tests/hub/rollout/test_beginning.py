"""A workload's new content: its history, and for whom a rollout begins."""

import dataclasses

import pytest
from tests.hub.records import NOW, node, report, settled, work_on, workload

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.model import Resources
from skerry_hub.rollout.judging import give
from skerry_hub.state import Known
from skerry_hub.work import RefusedError
from skerry_wire.lifecycle import Job
from skerry_wire.messages import InstanceState, InstanceStatus

NODES = [node(f"box-{number}") for number in range(1, 4)]


def shop(number=1, replicas=3, job=None, labels=None, mode="replicated", resources=None, **update):
    return workload(
        resources=resources,
        image=f"localhost/web:{number}",
        replicas=replicas,
        mode=mode,
        labels=labels or {},
        lifecycle=Lifecycle(update=Update(**update), job=job),
    )


def applied(known, *contents, now=NOW):
    """Apply contents one after the other; return what is known then, and the last draft."""
    draft = None
    for content in contents:
        work = work_on(known, now)
        desired.apply(work, [content], prune=False)
        draft = work.draft
        known = settled(known, draft)
    return known, draft


def done(known):
    """Return what is known once its rollouts are done."""
    for name, one in known.updates.rollouts.items():
        known.updates.rollouts[name] = dataclasses.replace(one, state="done")
    known.updates.members.clear()
    known.updates.by_workload.clear()
    return known


def rollout_of(*contents):
    known, _ = applied(Known(NODES), *contents)
    return known.updates.rollouts.get("shop-web"), known.updates


def test_the_first_apply_is_a_rollout_that_all_are_given_at_once():
    rollout, updates = rollout_of(shop(strategy="canary"))
    assert (rollout.number, rollout.is_first, rollout.back) == (1, True, 0)
    assert (rollout.state, rollout.strategy, rollout.total) == ("progressing", "rolling", 3)
    assert {one.state for one in updates.members.values()} == {"updating"}
    assert updates.numbers == {"shop-web": 1}


def test_one_of_which_nothing_finds_a_node_goes_on_and_the_next_is_a_first_one_too():
    huge = Resources(cpu_milli=999_000)
    rollout, updates = rollout_of(shop(resources=huge))
    assert (rollout.state, rollout.total, updates.members) == ("progressing", 3, {})
    rollout, updates = rollout_of(shop(resources=huge), shop(2))
    assert (rollout.number, rollout.is_first, len(updates.members)) == (2, True, 3)


def test_a_first_one_that_never_ran_is_what_the_next_goes_back_to():
    rollout, _ = rollout_of(shop(), shop(2))
    assert (rollout.stable, rollout.stable_ran) == (1, False)


def test_another_content_is_a_revision_and_all_that_are_there_wait():
    rollout, updates = rollout_of(shop(), shop(2))
    assert (rollout.number, rollout.stable, rollout.total) == (2, 1, 3)
    assert {one.state for one in updates.members.values()} == {"waiting"}
    assert {one.number for one in updates.members.values()} == {1}
    assert updates.contents["shop-web", 1].containers == shop(1).containers


def test_replicas_labels_and_how_it_is_updated_are_no_revision_but_are_kept_with_it():
    known, draft = applied(Known(NODES), shop(), shop(replicas=2, labels={"a": "b"}))
    assert known.updates.numbers == {"shop-web": 1}
    assert draft.updates.records["shop-web", 1].content.labels == {"a": "b"}
    assert known.updates.rollouts["shop-web"].number == 1


def test_the_same_again_changes_nothing():
    known, _ = applied(Known(NODES), shop(), shop(2))
    work = work_on(known)
    desired.apply(work, [shop(2)], prune=False)
    assert work.draft.updates.empty


def test_a_scale_during_a_rollout_leaves_it_going_on():
    known, _ = applied(Known(NODES), shop(), shop(2), shop(2, replicas=2))
    assert known.updates.rollouts["shop-web"].number == 2
    assert {one.number for one in known.updates.members.values()} == {1}


@pytest.mark.parametrize("update", [{"strategy": "at-once"}, {"job": Job()}])
def test_at_once_and_jobs_have_no_rollout(update):
    rollout, updates = rollout_of(shop(**update), shop(2, **update))
    assert rollout is None
    assert updates.members == {}
    assert updates.numbers == {"shop-web": 2}


def test_what_has_the_newest_content_already_is_not_waited_for():
    known, _ = applied(done(Known(NODES)), shop())
    known, _ = applied(done(known), shop(2), shop(1))
    rollout, updates = known.updates.rollouts["shop-web"], known.updates
    assert (rollout.state, rollout.already, rollout.total) == ("done", 3, 3)
    assert updates.members == {}
    assert rollout.stable == 1


def test_what_was_given_that_content_and_has_not_shown_it_is_waited_for():
    known, _ = applied(Known(NODES), shop(), shop(2))
    member = known.updates.members["shop-web-0"]
    known.updates.members["shop-web-0"] = give(member, NOW)
    known.updates.by_workload["shop-web"]["shop-web-0"] = give(member, NOW)
    known, _ = applied(known, shop(3), shop(2))
    states = {key: one.state for key, one in sorted(known.updates.members.items())}
    assert states == {
        "shop-web-0": "updating",
        "shop-web-1": "waiting",
        "shop-web-2": "waiting",
    }


def test_a_deleted_workload_has_no_history():
    known, _ = applied(Known(NODES), shop(), shop(2))
    work = work_on(known)
    desired.delete(work, "shop-web")
    assert settled(known, work.draft).updates.numbers == {}
    assert settled(known, work.draft).updates.members == {}


def test_a_workload_of_before_there_was_a_history_begins_it():
    known, _ = applied(Known(NODES), shop())
    known.updates.numbers.clear()
    known, draft = applied(known, shop(2))
    assert sorted(number for _, number in draft.updates.records) == [1, 2]
    assert known.updates.numbers == {"shop-web": 2}


def test_blue_green_without_room_is_refused_in_words():
    whole = Resources(cpu_milli=3000)
    known, _ = applied(Known(NODES), shop(resources=whole))
    with pytest.raises(RefusedError, match="a second set of 3 beside the first, and 3 of them"):
        desired.apply(
            work_on(known), [shop(2, resources=whole, strategy="blue-green")], prune=False
        )


def test_blue_green_of_a_global_workload_is_refused():
    known, _ = applied(Known(NODES), shop(mode="global", replicas=1))
    with pytest.raises(RefusedError, match="a global workload has no more than one"):
        desired.apply(
            work_on(known), [shop(2, mode="global", replicas=1, strategy="blue-green")], prune=False
        )


def running(known):
    """Return the fleet after each node has told that what it has runs."""
    nodes = []
    for one in known.nodes.values():
        told = tuple(
            InstanceStatus(
                id=each.id,
                workload=each.workload,
                revision=each.revision,
                state=InstanceState.RUNNING,
            )
            for each in known.by_node.get(one.id, {}).values()
        )
        nodes.append(dataclasses.replace(one, report=report(instances=told)))
    known.nodes.update({one.id: one for one in nodes})
    return known


def test_a_content_that_fits_nowhere_is_refused_while_what_it_would_end_runs():
    nowhere = Resources(cpu_milli=999_000)
    known, draft = applied(Known(NODES), shop())
    first = draft.updates.records["shop-web", 1]
    applied(known, shop(resources=nowhere))  # nothing runs yet
    with pytest.raises(RefusedError, match="no node fits, and 3 of it run as it was"):
        desired.apply(work_on(running(known)), [shop(resources=nowhere)], prune=False)
    large = dataclasses.replace(first, content=shop(0, resources=nowhere))
    with pytest.raises(RefusedError, match="no node fits, and 3"):
        desired.undo(work_on(known), large, "rollback")


def test_an_undo_tries_no_canary():
    known, draft = applied(Known(NODES), shop(strategy="canary"))
    first = draft.updates.records["shop-web", 1]
    known, _ = applied(known, shop(2, strategy="canary"))
    assert not known.updates.rollouts["shop-web"].canary_passed
    for key, member in known.updates.by_workload["shop-web"].items():
        known.updates.members[key] = give(member, NOW)
    known.updates.by_workload["shop-web"] = dict(known.updates.members)
    work = work_on(known)
    desired.undo(work, first)
    assert work.draft.updates.rollouts.get("shop-web").canary_passed


def test_undo_keeps_how_many_there_are_and_how_they_are_updated():
    known, draft = applied(Known(NODES), shop())
    first = draft.updates.records["shop-web", 1]
    known, _ = applied(known, shop(2, replicas=2, max_unavailable="1"))
    work = work_on(known)
    plan = desired.undo(work, first)
    kept = work.draft.workloads.get("shop-web").workload
    assert (kept.containers, kept.replicas) == (shop(1).containers, 2)
    assert kept.lifecycle.update.max_unavailable == "1"
    record = work.draft.updates.records["shop-web", 3]
    assert (record.cause, record.back_to) == ("undo", 1)
    assert plan.updated == ("shop-web",)
    with pytest.raises(RefusedError, match="there is no workload"):
        desired.undo(work_on(Known()), first)
