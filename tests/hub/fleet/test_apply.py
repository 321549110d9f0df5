"""What messages make of a node's record, as transcripts; and any order and number of them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import (
    FIRST,
    NOW,
    SECOND,
    capability,
    event,
    heartbeat,
    node,
    presence,
    report,
)

from skerry_hub.fleet.apply import (
    RETIRED,
    RETIRED_MOST,
    STALE,
    UNKNOWN,
    Dropped,
    Note,
    divergence,
    take,
)
from skerry_hub.model import Liveness
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.messages import Reply

DIGEST = "d" * 64
OTHER = "e" * 64


def after(known, *messages):
    """Return a node's record after messages, those that were dropped passed over."""
    for message in messages:
        taken = take(known, "box-1", message, NOW)
        known = known if isinstance(taken, Dropped) else taken.node
    return known


# --- who becomes known --------------------------------------------------------------------


@pytest.mark.parametrize("message", [presence(), capability(), report()])
def test_what_a_node_says_at_each_connection_makes_it_known(message):
    taken = take(None, "box-1", message, NOW)
    assert (taken.node.id, taken.node.incarnation) == ("box-1", FIRST)
    assert taken.node.registered_at == NOW
    assert taken.notes[0] == Note("registered", detail="incarnation aaaaaaaa")


@pytest.mark.parametrize(
    "message", [event(), Reply(incarnation=FIRST, boot=1, seq=1, id="r-1"), heartbeat()]
)
def test_nothing_else_does(message):
    assert take(None, "box-1", message, NOW) == UNKNOWN


def test_a_box_made_anew_keeps_what_operators_said_and_its_generation_goes_on():
    before = node(labels={"site": "quay-3"}, generation=7, digest=DIGEST, diverged="ahead")
    taken = take(before, "box-1", presence(incarnation=SECOND), NOW + 5)
    assert taken.node.incarnation == SECOND
    assert taken.node.retired == (FIRST,)
    assert taken.node.labels == {"site": "quay-3"}
    assert taken.node.generation == 7
    assert taken.node.digest is None
    assert (taken.node.capability, taken.node.report, taken.node.diverged) == (None, None, None)
    assert taken.notes[0].kind == "reincarnated"
    assert taken.joined


@pytest.mark.parametrize("message", [presence(seq=99), capability(seq=99), report(seq=99)])
def test_a_retired_incarnation_is_refused_for_good(message):
    known = after(node(), presence(incarnation=SECOND))
    assert take(known, "box-1", message, NOW) == RETIRED


def test_an_event_of_another_incarnation_makes_nothing_anew():
    assert take(node(), "box-1", event(incarnation=SECOND), NOW) == UNKNOWN


def test_only_the_newest_retired_incarnations_are_remembered():
    known = node()
    for number in range(RETIRED_MOST + 5):
        known = after(known, presence(incarnation=f"{number:032x}"))
    assert len(known.retired) == RETIRED_MOST
    assert known.retired[-1] == f"{RETIRED_MOST + 3:032x}"


# --- only what advances -------------------------------------------------------------------


def test_the_same_message_twice_is_stale_the_second_time():
    known = after(None, presence(seq=5))
    assert take(known, "box-1", presence(seq=5), NOW) == STALE
    assert take(known, "box-1", presence(seq=4), NOW) == STALE


def test_a_newer_start_of_the_agent_wins_over_any_number_of_an_older_one():
    known = after(None, presence(boot=1, seq=900))
    known = after(known, presence(boot=2, seq=1, online=True))
    assert take(known, "box-1", presence(boot=1, seq=901, online=False), NOW) == STALE
    assert known.liveness is Liveness.ONLINE


def test_topics_advance_apart():
    known = after(None, presence(seq=5), capability(seq=1), report(seq=1))
    assert dict(known.sequences) == {"presence": (1, 5), "capability": (1, 1), "report": (1, 1)}


@given(st.data())
def test_no_order_and_no_number_of_messages_ever_goes_backwards(data):
    stamps = [(boot, seq) for boot in (1, 2) for seq in (1, 2, 3)]
    sent = [presence(online=seq != 3, boot=boot, seq=seq) for boot, seq in stamps]
    sent += [report(boot=b, seq=s, generation=0, problems=(f"{b}-{s}",)) for b, s in stamps]
    sent += [capability(boot=b, seq=s, hostname=f"{b}-{s}") for b, s in stamps]
    came = data.draw(st.lists(st.sampled_from(sent), max_size=40))
    known, newest = None, {}
    for message in came:
        known = after(known, message)
        for topic, stamp in known.sequences.items():
            assert stamp >= newest.get(topic, stamp), "it went backwards"
        newest = dict(known.sequences)
    last = max((m for m in came if m in sent[6:12]), key=lambda m: (m.boot, m.seq), default=None)
    assert (known.report if known else None) == last


@given(st.permutations(range(6)))
def test_every_order_of_arrival_ends_in_the_same_record(order):
    sent = [presence(online=False, seq=3), presence(seq=2), capability(seq=2, hostname="new")]
    sent += [capability(seq=1), report(seq=2, accepted=0), report(seq=1)]
    known = after(None, *(sent[index] for index in order))
    assert (known.presence, known.capability, known.report) == (sent[0], sent[2], sent[4])


# --- presence -----------------------------------------------------------------------------


def test_online_and_its_will_change_the_liveness_and_are_told_once():
    taken = take(node(liveness=Liveness.UNREACHABLE), "box-1", presence(seq=2), NOW)
    assert taken.node.liveness is Liveness.ONLINE
    assert taken.notes == (Note("online", detail="agent 0.1.0"),)
    assert taken.joined
    again = take(taken.node, "box-1", presence(seq=3), NOW)
    assert (again.notes, again.joined) == ((), False)
    gone = take(again.node, "box-1", presence(online=False, seq=4), NOW)
    assert gone.node.liveness is Liveness.UNREACHABLE
    assert gone.notes == (Note("unreachable", detail="its connection ended"),)


def test_a_will_that_comes_late_does_not_find_what_was_lost():
    known = node(liveness=Liveness.LOST)
    assert after(known, presence(online=False, seq=2)).liveness is Liveness.LOST
    assert after(known, presence(seq=2)).liveness is Liveness.ONLINE


def test_a_capability_with_another_content_may_take_what_the_last_could_not():
    same = take(node(), "box-1", capability(seq=2), NOW)
    other = take(node(), "box-1", capability(seq=2, revision="f" * 16), NOW)
    assert (same.joined, other.joined) == (False, True)


def test_an_event_and_a_reply_change_nothing_of_the_record():
    known = node()
    assert take(known, "box-1", event(), NOW).node is known
    assert take(known, "box-1", Reply(incarnation=FIRST, boot=1, seq=1, id="r"), NOW).node is known


# --- divergence ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "digest", "accepted", "said", "word"),
    [
        (0, None, 0, None, None),
        (3, DIGEST, 0, None, None),
        (3, DIGEST, 2, OTHER, None),
        (3, DIGEST, 3, DIGEST, None),
        (3, DIGEST, 4, OTHER, "ahead"),
        (0, None, 1, DIGEST, "ahead"),
        (3, DIGEST, 3, OTHER, "another content"),
        (3, DIGEST, 3, None, "another content"),
        (3, None, 3, DIGEST, "another content"),
    ],
)
def test_a_node_that_has_more_than_it_was_ordered_is_told_apart(
    issued, digest, accepted, said, word
):
    why = divergence(node(generation=issued, digest=digest), report(accepted=accepted, digest=said))
    assert (word is None) == (why is None)
    assert word is None or word in why


def test_a_hold_is_told_once_and_ends_by_an_operators_word_alone():
    taken = take(node(generation=1), "box-1", report(seq=2, accepted=2), NOW)
    assert [note.kind for note in taken.notes] == ["diverged"]
    why = taken.node.diverged
    again = take(taken.node, "box-1", report(seq=3, accepted=3), NOW)
    assert (again.node.diverged, again.notes) == (why, ())
    back = take(again.node, "box-1", report(seq=4, accepted=1), NOW)
    assert back.node.diverged == why


def test_a_record_is_never_changed_in_place():
    known = node()
    before = dataclasses.replace(known)
    after(known, presence(seq=2), capability(seq=2), report(seq=2))
    assert known == before


def test_that_a_boxs_policy_cannot_be_used_and_can_again_is_told_once():
    taken, kinds = take(None, "box-1", capability(), NOW), []
    for seq, trouble in enumerate(["", "line 3", "line 3", "line 4", "", ""], start=2):
        said = capability(seq=seq, policy=BoxPolicy(trouble=trouble))
        taken = take(taken.node, "box-1", said, NOW)
        kinds.append([(one.kind, one.detail) for one in taken.notes])
    assert kinds == [
        [],
        [("policy_unusable", "line 3")],
        [],
        [("policy_unusable", "line 4")],
        [("policy_usable", "the box's policy can be used again")],
        [],
    ]
