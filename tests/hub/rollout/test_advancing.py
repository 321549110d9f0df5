"""Steps carried into a draft, and what operators say of a rollout."""

import pytest
from tests.hub.records import NOW, node, refusal, report, settled, status, work_on, workload
from tests.hub.rollout.situations import rollout

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.rollout.advancing import (
    advance,
    cannot_roll_back,
    pause,
    resume,
    stop,
    turns,
)
from skerry_hub.rollout.looking import EVERY_NODE
from skerry_hub.state import Known
from skerry_hub.work import RefusedError


def rolling(**update):
    """Return what is known once two of a workload are to be updated."""
    known = Known([node(f"box-{number}") for number in (1, 2)])
    for number in (1, 2):
        lifecycle = Lifecycle(update=Update(**{"max_unavailable": "1", **update}))
        work = work_on(known)
        content = workload(image=f"localhost/web:{number}", replicas=2, lifecycle=lifecycle)
        desired.apply(work, [content], prune=False)
        known = settled(known, work.draft)
    return known


def stepped(known, change=lambda work: advance(work, "shop-web", EVERY_NODE, NOW)):
    work = work_on(known, NOW + 1)
    found = change(work)
    return settled(known, work.draft), work.draft, found


def state(known):
    return known.updates.rollouts["shop-web"].state


def test_whom_a_step_gives_the_new_content_has_its_order_due():
    known, draft, found = stepped(rolling())
    given = [one for one in draft.updates.members.changes.values() if one.state == "updating"]
    assert len(given) == 1
    assert draft.touched == {known.assignments[given[0].id].node}
    assert found.due_at == NOW + 1 + 315


def test_a_workload_without_a_rollout_has_nothing_to_advance():
    _, draft, found = stepped(Known())
    assert draft.empty
    assert found.told == ()


def test_what_became_of_an_instance_is_told_with_its_node():
    known, draft, _ = stepped(rolling())
    (given,) = [one for one in draft.updates.members.changes.values() if one.state == "updating"]
    revision = known.workloads["shop-web"].workload.revision
    box = known.assignments[given.id].node
    said = report(instances=(status(given.id, revision=revision),))
    known.nodes[box] = node(box, report=said)
    _, _, found = stepped(known)
    (told,) = found.told
    assert (told.kind, told.instance, told.node) == ("updated", given.id, box)
    assert "revision 2 of shop-web" in told.detail


def test_turns_are_told_of_the_whole():
    going, paused = rollout(), rollout(state="paused", reason="1 of 4 failed")
    (begun,) = turns({}, {"shop-web": going})
    assert (begun.kind, begun.detail) == (
        "rollout_started", "revision 2 (apply), rolling: 4 of 4 instances",
    )  # fmt: skip
    (told,) = turns({"shop-web": going}, {"shop-web": paused})
    assert (told.kind, told.detail) == ("rollout_paused", "revision 2: 1 of 4 failed")
    (told,) = turns({"shop-web": paused}, {"shop-web": going})
    assert told.kind == "rollout_resumed"
    assert turns({"shop-web": going}, {"shop-web": going}) == []
    assert turns({"shop-web": going}, {"shop-web": None}) == []
    at_once = turns({}, {"shop-web": rollout(state="done", already=4)})
    assert [one.kind for one in at_once] == ["rollout_started", "rollout_done"]


def test_a_paused_one_goes_on_only_when_it_is_resumed():
    known, *_ = stepped(rolling(), lambda work: pause(work, "shop-web"))
    assert state(known) == "paused"
    known, draft, _ = stepped(known)
    assert draft.touched == set()
    known, *_ = stepped(known, lambda work: resume(work, "shop-web"))
    assert state(known) == "progressing"


def test_failures_that_were_seen_do_not_pause_it_again():
    known, draft, _ = stepped(rolling())
    (given,) = [one for one in draft.updates.members.changes.values() if one.state == "updating"]
    known.nodes[known.assignments[given.id].node] = node(
        known.assignments[given.id].node, generation=1, report=report(refusal=refusal(generation=1))
    )
    known, *_ = stepped(known)
    assert state(known) == "paused"
    known, *_ = stepped(known, lambda work: resume(work, "shop-web"))
    assert known.updates.rollouts["shop-web"].excused == 1
    known, draft, _ = stepped(known)
    assert state(known) == "progressing"
    assert len(draft.touched) == 1


def test_a_canary_is_past_once_it_was_resumed_after_it():
    known, *_ = stepped(rolling(strategy="canary", canary_pauses=True))
    known, *_ = stepped(known, lambda work: pause(work, "shop-web"))
    known, *_ = stepped(known, lambda work: resume(work, "shop-web"))
    assert not known.updates.rollouts["shop-web"].canary_passed, "it is at work still"


def test_what_cannot_be_done_is_refused_in_words():
    with pytest.raises(RefusedError, match="there is no workload"):
        pause(work_on(Known()), "shop-web")
    with pytest.raises(RefusedError, match="progressing, not paused"):
        resume(work_on(rolling()), "shop-web")
    with pytest.raises(RefusedError, match="has no rollout"):
        pause(work_on(rolling(strategy="at-once")), "shop-web")


def test_one_that_the_hub_cannot_go_on_with_says_why():
    known, *_ = stepped(rolling(), lambda work: stop(work, "shop-web", "it does not fit"))
    assert known.updates.rollouts["shop-web"].reason == "it does not fit"
    known, *_ = stepped(known, lambda work: cannot_roll_back(work, "shop-web", "no such policy"))
    assert known.updates.rollouts["shop-web"].reason == (
        "it does not fit, which is refused: no such policy"
    )
