"""Which lists of targets a box takes: transcripts of what comes and what the executor says."""

import pytest
from tests.agent.test_core import Box, published

from skerry_agent import effects
from skerry_agent import events as ev
from skerry_agent.state import NEVER, Settings
from skerry_agent.status import status_of, table
from skerry_wire.local import MAX_TARGETS_BYTES
from skerry_wire.messages import Target, Targets
from skerry_wire.topics import NodeTopic

ERP = Target(name="endpoint/erp", host="erp.example", port=443)
CRM = Target(name="endpoint/crm", host="crm.example", port=443)


def named(*found, at=100.0):
    return Targets(node="box-1", issued_at=at, targets=found)


def asked(done):
    return [one.data for one in done if isinstance(one, effects.VerifyTargets)]


def logged(done):
    return [one.text for one in done if isinstance(one, effects.Log)]


def taking(box, data, targets):
    """Have targets arrive and be verified, whenever that is asked for."""
    assert asked(box.on(ev.TargetsArrived(data)) or box.wait(20)) == [data]
    return box.on(ev.TargetsJudged(data, targets))


def hosts(box):
    return [one.target.host for one in box.state.round_trips]


def test_nothing_is_measured_before_the_executor_has_verified_it():
    box = Box().up()
    assert asked(box.on(ev.TargetsArrived(b"signed"))) == [b"signed"]
    assert hosts(box) == []
    box.on(ev.TargetsJudged(b"signed", named(ERP)))
    assert hosts(box) == ["erp.example"]
    assert (box.state.targets_refused, box.state.targets_problem) == (0, None)


def test_what_is_refused_changes_nothing_is_counted_and_told():
    box = Box().up()
    taking(box, b"signed", named(ERP))
    box.wait(60)
    box.on(ev.TargetsArrived(b"forged"))
    done = box.on(ev.TargetsJudged(b"forged", None, "the signature is not that of key 1"))
    assert hosts(box) == ["erp.example"]
    assert box.state.targets_refused == 1
    told = "targets of round-trip times refused: the signature is not that of key 1"
    assert logged(done) == [told]
    assert published(done, NodeTopic.REPORT)[0].problems == (told,)
    text = table(status_of(box.state, "mqtt://h:1883"))
    assert "1 of round-trip times, signed; 1 lists refused" in text
    assert told in text
    box.wait(60)
    box.on(ev.TargetsArrived(b"forged 2"))
    again = box.on(ev.TargetsJudged(b"forged 2", None, "the signature is not that of key 1"))
    assert (logged(again), box.state.targets_refused) == ([], 2), "said once"
    box.wait(60)
    done = taking(box, b"newer", named(CRM, at=101.0))
    assert published(done, NodeTopic.REPORT)[0].problems == ()


@pytest.mark.parametrize(("at", "host"), [(99.9, "erp.example"), (100.0, "crm.example")])
def test_an_old_list_that_is_played_again_is_refused(at, host):
    box = Box().up()
    taking(box, b"signed", named(ERP, at=100.0))
    box.wait(60)
    taking(box, b"old", named(CRM, at=at))
    assert hosts(box) == [host]
    assert box.state.targets_refused == (host == "erp.example")


def test_the_same_bytes_again_are_not_verified_again_and_have_all_told_again():
    box = Box().up()
    taking(box, b"signed", named(ERP))
    box.on(ev.RoundTripMeasured(ERP, 12.5))
    box.on(ev.LoadSampled(uptime_s=1))
    assert all(one.told for one in box.state.round_trips)
    assert asked(box.on(ev.TargetsArrived(b"signed"))) == []
    assert not any(one.told for one in box.state.round_trips)


def test_a_flood_is_verified_one_at_a_time_with_a_gap_and_the_last_one_counts():
    box = Box().up()
    for number in range(100):
        box.on(ev.TargetsArrived(b"%d" % number))
    assert asked(box.all) == [b"0"]
    assert box.state.next_deadline > box.mono
    box.on(ev.TargetsJudged(b"0", None, "forged"))
    assert asked(box.wait(9)) == []
    assert asked(box.wait(2)) == [b"99"]


def test_an_executor_that_cannot_be_asked_is_asked_again():
    box = Box().up()
    box.on(ev.TargetsArrived(b"signed"))
    done = box.on(ev.TargetsJudged(b"signed", None, "no socket", is_tried_again=True))
    assert "no socket" in logged(done)[0]
    assert box.state.targets_refused == 0
    assert asked(box.wait(59)) == []
    assert asked(box.wait(61)) == [b"signed"]


def test_what_came_while_the_executor_could_not_be_asked_takes_the_place_of_the_older():
    box = Box().up()
    box.on(ev.TargetsArrived(b"first"))
    box.on(ev.TargetsArrived(b"second"))
    box.on(ev.TargetsJudged(b"first", None, "no socket", is_tried_again=True))
    assert asked(box.wait(15)) == [b"second"]


def test_what_is_too_long_to_be_targets_is_counted_and_given_to_nobody():
    box = Box().up()
    done = box.on(ev.TargetsArrived(b"x" * (MAX_TARGETS_BYTES + 1)))
    assert asked(done) == []
    assert box.state.malformed == 1
    assert "more than" in logged(done)[0]


def test_a_box_that_shall_not_measure_asks_nobody():
    box = Box(settings=Settings(round_trips=False)).up()
    assert box.on(ev.TargetsArrived(b"signed")) == []
    assert box.state.targets_at == NEVER
