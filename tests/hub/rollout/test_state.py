"""What is known of rollouts, the draft of a change, and what instances have meanwhile."""

from tests.hub.records import NOW, assignment, workload
from tests.hub.rollout.situations import OLD, at, rollout, waiting

from skerry_hub.rollout.records import RevisionRecord
from skerry_hub.rollout.state import DraftRollouts, KnownRollouts

WAS = workload(image="localhost/web:1")


def known(*members, **fields):
    return KnownRollouts(
        [rollout(**fields)], members or [waiting()], {"shop-web": 2}, {("shop-web", 1): WAS}
    )


def settled(known_, change):
    draft = DraftRollouts(known_)
    change(draft)
    known_.settle(draft)
    return known_


def record(number):
    return RevisionRecord(workload="shop-web", number=number, at=NOW, cause="apply", content=WAS)


def test_a_waiting_instance_has_its_former_content_until_it_is_given_the_newest():
    found = known()
    placed = assignment(revision="f" * 16)
    former, content, number = found.former(placed)
    assert (former.revision, content, number) == (OLD, WAS, 1)
    draft = DraftRollouts(found)
    assert draft.former(placed) == found.former(placed)
    # What it had is kept then, should its box hold the new content back.
    draft.members.put("shop-web-0", at(former=former, number=1))
    assert draft.former(placed) is None


def test_what_came_to_another_node_has_the_newest():
    assert known().former(assignment(node="box-2")) is None


def test_contents_are_forgotten_with_the_last_instance_that_has_them():
    found = settled(known(), lambda draft: draft.rollouts.put("shop-web", rollout(state="paused")))
    assert found.contents
    settled(found, lambda draft: draft.end("shop-web"))
    assert (found.contents, found.members, found.by_workload, found.rollouts) == ({}, {}, {}, {})


def test_numbers_grow_and_end_with_the_workload():
    found = known()
    draft = DraftRollouts(found)
    assert draft.number("shop-web") == 2
    draft.record(record(3))
    assert draft.number("shop-web") == 3
    draft.forget("shop-web")
    assert draft.number("shop-web") == 0
    assert not draft.empty
    found.settle(draft)
    assert found.numbers == {}


def test_members_of_a_draft_are_those_after_its_changes():
    draft = DraftRollouts(known(waiting(), waiting("shop-web-1")))
    draft.members.remove("shop-web-0")
    draft.members.put("shop-web-2", at("shop-web-2"))
    assert sorted(draft.members_of("shop-web")) == ["shop-web-1", "shop-web-2"]


def test_who_is_to_be_rolled_back_is_known():
    found = known(rolls_back=True, state="paused")
    assert found.rolling_back == {"shop-web"}
    settled(found, lambda draft: draft.rollouts.put("shop-web", rollout()))
    assert found.rolling_back == set()


def test_steps_and_views_share_what_was_seen_until_the_rollout_is_done():
    found = known()
    cache = found.looked("shop-web")
    assert DraftRollouts(found).looked("shop-web") is cache
    settled(found, lambda draft: draft.rollouts.put("shop-web", rollout(finished=1)))
    assert found.looked("shop-web") is cache
    settled(found, lambda draft: draft.rollouts.put("shop-web", rollout(state="done")))
    assert found.looked("shop-web") is not cache
