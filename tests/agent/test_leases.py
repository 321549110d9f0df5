"""How leases are renewed, played as transcripts."""

import dataclasses

import pytest
from tests.agent.test_core import Box

from skerry_agent import events as ev
from skerry_agent.effects import AskChallenge, Converge, HandGrant, Log, Publish
from skerry_agent.leases import GRANTS_TAKEN
from skerry_agent.state import NEVER
from skerry_wire.local import MAX_GRANT_BYTES, Outcome
from skerry_wire.messages import LeaseRequest

CHALLENGE = b"c" * 32
LEASED = Outcome(accepted=3, digest="d" * 64, reached=True, lease_s=60.0)


def leased(outcome=LEASED):
    """Return a box that is connected and knows that something has a lease."""
    box = Box().up()
    box.on(ev.ExecutorDone(box.state.run, outcome))
    return box


def of(kind, effects):
    return [one for one in effects if isinstance(one, kind)]


def requests(effects):
    return [one for one in of(Publish, effects) if isinstance(one.message, LeaseRequest)]


def due(box):
    """Let the time come at which the hub is asked."""
    box.mono = box.state.lease_at
    return box.on(ev.Tick())


def test_the_hub_is_asked_by_a_challenge_of_the_executor():
    box = leased()
    assert box.state.next_deadline == box.state.lease_at == box.mono
    assert of(AskChallenge, due(box)) == [AskChallenge()]
    (sent,) = requests(box.on(ev.LeaseChallenged(CHALLENGE)))
    assert (sent.message.challenge, sent.qos, sent.retain) == (CHALLENGE, 0, False)
    assert sent.expiry_s == 60


@pytest.mark.parametrize(("lease_s", "least", "most"), [(60.0, 16.0, 20.0), (15.0, 5.0, 5.0)])
def test_it_is_asked_again_at_a_third_with_jitter_and_never_more_often_than_said(
    lease_s, least, most
):
    box = leased(dataclasses.replace(LEASED, lease_s=lease_s))
    due(box)
    assert least <= box.state.lease_at - box.mono <= most
    for _ in range(5):
        before = box.state.lease_at
        box.on(ev.LeaseChallenged(CHALLENGE))
        due(box)
        assert box.state.lease_at - before >= least - 1e-6


def test_a_new_order_is_asked_for_at_once_but_not_in_a_flood():
    box = leased()
    due(box)
    box.on(ev.LeaseChallenged(CHALLENGE))
    asked_at = box.mono
    box.mono += 1.0
    box.on(ev.ExecutorDone(box.state.run, dataclasses.replace(LEASED, accepted=4)))
    assert box.state.lease_at == asked_at + 5.0
    box.on(ev.ExecutorDone(box.state.run, dataclasses.replace(LEASED, accepted=4)))
    assert box.state.lease_at == asked_at + 5.0


def test_without_leases_nobody_is_asked():
    box = leased(dataclasses.replace(LEASED, lease_s=None))
    assert box.state.lease_at == NEVER
    box = leased()
    box.on(ev.ExecutorDone(box.state.run, dataclasses.replace(LEASED, lease_s=None)))
    assert box.state.lease_at == NEVER
    box.on(ev.LeaseChallenged(CHALLENGE))
    assert box.state.lease_grants == 0


def test_while_cut_off_nobody_is_asked_and_soon_after_it_is():
    box = leased()
    box.on(ev.Disconnected("gone"))
    assert box.state.lease_at == NEVER
    assert not requests(box.on(ev.LeaseChallenged(CHALLENGE)))
    box.on(ev.Connected(2))
    assert box.mono <= box.state.lease_at <= box.mono + 1.0
    due(box)
    asked_at = box.mono
    for connection in range(3, 9):
        box.on(ev.Disconnected("gone"))
        box.on(ev.Connected(connection))
        assert box.state.lease_at == asked_at + 5.0, "a link that flaps asks no more often"


def test_a_grant_goes_to_the_executor_and_a_start_wants_a_visit():
    box = leased()
    due(box)
    assert not of(HandGrant, box.on(ev.GrantArrived(b"early"))), "nobody asked for it"
    box.on(ev.LeaseChallenged(CHALLENGE))
    assert of(HandGrant, box.on(ev.GrantArrived(b"grant"))) == [HandGrant(b"grant")]
    assert not of(HandGrant, box.on(ev.GrantArrived(b"another"))), "one at a time"
    assert not of(Converge, box.on(ev.GrantTaken(None)))
    assert not of(HandGrant, box.on(ev.GrantArrived(b"repeated"))), "it was answered"
    box.on(ev.LeaseChallenged(CHALLENGE))
    box.on(ev.GrantArrived(b"grant"))
    assert len(of(Converge, box.on(ev.GrantTaken(None, visit=True)))) == 1


def test_false_grants_keep_the_true_one_out_only_when_there_are_many():
    box = leased()
    due(box)
    box.on(ev.LeaseChallenged(CHALLENGE))
    handed = 0
    for _ in range(10):
        handed += len(of(HandGrant, box.on(ev.GrantArrived(b"false"))))
        box.on(ev.GrantTaken("the signature is not that of key 00"))
    assert handed == GRANTS_TAKEN


def test_a_refusal_is_told_once_and_its_end_too():
    box = leased()
    due(box)
    box.on(ev.LeaseChallenged(CHALLENGE))
    box.on(ev.GrantArrived(b"grant"))
    effects = box.on(ev.GrantTaken("it is for node box-2"))
    assert [one.text for one in of(Log, effects)] == ["a grant was refused: it is for node box-2"]
    assert box.state.lease_problem in of(Publish, effects)[0].message.problems
    box.on(ev.GrantArrived(b"grant"))
    assert box.on(ev.GrantTaken("it is for node box-2")) == []
    box.on(ev.GrantArrived(b"grant"))
    assert of(Publish, box.on(ev.GrantTaken(None)))[0].message.problems == ()


def test_an_executor_that_makes_no_challenge_is_asked_again_in_time():
    box = leased()
    due(box)
    effects = box.on(ev.LeaseChallenged(None, "no socket"))
    assert "leases cannot be renewed: no socket" in of(Log, effects)[0].text
    assert of(AskChallenge, due(box))


def test_one_that_does_not_answer_is_asked_no_second_thing():
    box = leased()
    due(box)
    assert not of(AskChallenge, due(box))
    box.on(ev.LeaseChallenged(CHALLENGE))
    assert of(AskChallenge, due(box))


def test_a_grant_that_is_too_long_is_none():
    box = leased()
    due(box)
    box.on(ev.LeaseChallenged(CHALLENGE))
    assert not of(HandGrant, box.on(ev.GrantArrived(b"x" * (MAX_GRANT_BYTES + 1))))
    assert box.state.malformed == 1


def test_the_executor_is_visited_when_it_wants_to_be():
    box = leased(dataclasses.replace(LEASED, look_after_s=30.0))
    assert box.state.converge_at == box.mono + 30.0
    box = leased(dataclasses.replace(LEASED, look_after_s=0.0))
    assert box.state.converge_at == box.mono + box.state.settings.look_gap_s
    box = leased()
    assert box.state.converge_at == box.mono + box.state.settings.look_s
