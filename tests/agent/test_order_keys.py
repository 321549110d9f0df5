"""Changes of the keys that sign orders, as the agent passes them on: transcripts."""

import pytest
from tests.agent.test_core import Box, converges, order_bytes, published

from skerry_agent import effects
from skerry_agent import events as ev
from skerry_wire.local import MAX_KEYS_BYTES, Outcome
from skerry_wire.messages import Refusal
from skerry_wire.order_keys import KeyStanding
from skerry_wire.topics import NodeTopic

OLD, NEW = KeyStanding(trusted=("0" * 16,)), KeyStanding(sequence=10, trusted=("1" * 16,))


def handed(done):
    return [one.data for one in done if isinstance(one, effects.HandKeys)]


def told(done):
    return [one.keys for one in published(done, NodeTopic.REPORT)]


def problems(done):
    return published(done, NodeTopic.REPORT)[-1].problems


def test_changes_are_handed_over_and_the_report_tells_which_keys_are_trusted():
    box = Box().up()
    assert handed(box.on(ev.KeysArrived(b"signed"))) == [b"signed"]
    done = box.on(ev.KeysJudged(b"signed", NEW))
    assert told(done) == [NEW]
    assert handed(box.on(ev.KeysArrived(b"signed"))) == [], "it has them"


def test_the_end_of_each_visit_tells_them_too():
    box = Box().up()
    done = box.on(ev.ExecutorDone(box.state.run, Outcome(reached=True), keys=OLD))
    assert told([*done, *box.wait(20)]) == [OLD]


def test_an_executor_that_has_forgotten_is_handed_the_same_again():
    box = Box().up()
    box.on(ev.KeysArrived(b"signed"))
    box.on(ev.KeysJudged(b"signed", NEW))
    box.wait(20)
    box.on(ev.ExecutorDone(box.state.run, Outcome(reached=True), keys=OLD))
    assert handed(box.on(ev.KeysArrived(b"signed"))) == [b"signed"]


def test_what_is_refused_is_told_once_in_the_log_and_in_the_report():
    box = Box().up()
    box.on(ev.KeysArrived(b"forged"))
    done = box.on(ev.KeysJudged(b"forged", OLD, "it is not signed"))
    assert problems(done) == ("a change of order keys was refused: it is not signed",)
    assert told(done) == [OLD]
    box.wait(20)
    box.on(ev.KeysArrived(b"signed"))
    assert problems(box.on(ev.KeysJudged(b"signed", NEW))) == ()


def test_a_flood_keeps_the_executor_idle_but_for_one_in_ten_seconds_and_the_last_stays():
    box = Box().up()
    for number in range(100):
        box.on(ev.KeysArrived(b"%d" % number))
        if number == 50:
            box.on(ev.KeysJudged(b"0", OLD, "no"))
    assert handed(box.all) == [b"0"]
    assert handed(box.wait(30)) == [b"99"]


def test_too_large_a_message_is_not_handed_over():
    box = Box().up()
    assert handed(box.on(ev.KeysArrived(b"x" * (MAX_KEYS_BYTES + 1)))) == []


def test_an_executor_that_is_away_is_asked_again_later():
    box = Box().up()
    box.on(ev.KeysArrived(b"signed"))
    box.on(ev.KeysJudged(b"signed", None, "no socket", is_tried_again=True))
    assert handed(box.wait(50)) == []
    assert handed(box.wait(100)) == [b"signed"]


@pytest.mark.parametrize("code", ["unknown_key", "policy"])
def test_an_order_that_came_before_its_key_is_offered_again(code):
    box = Box().up()
    order = order_bytes(7)
    box.wait(60)
    box.on(ev.OrderArrived(order))
    refused = Outcome(refusal=Refusal(generation=0, code=code, reason="no"))
    box.on(ev.ExecutorDone(box.state.run, refused, keys=OLD))
    box.on(ev.KeysArrived(b"signed"))
    done = box.on(ev.KeysJudged(b"signed", NEW))
    offered = [one.order for one in converges(done)]
    assert offered == ([order] if code == "unknown_key" else [])
