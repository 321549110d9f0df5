"""Events of one subject: at once, and together once there are many."""

import dataclasses

from tests.agent.test_core import DIGEST, Box, published, status

from skerry_agent import events as ev
from skerry_agent.event_rate import BURST, GAP_S
from skerry_agent.state import Settings
from skerry_wire.local import Outcome
from skerry_wire.messages import EventKind, InstanceState
from skerry_wire.topics import NodeTopic


def ends(box, number, name="web-0"):
    """Have an instance fail once more, and return the events that are told of it."""
    failed = status(InstanceState.FAILED, name, restarts=number, reason=f"exit 1, {number}")
    outcome = Outcome(accepted=1, digest=DIGEST, instances=(failed,))
    return published(box.on(ev.ExecutorProgressed(box.state.run, outcome)), NodeTopic.EVENT)


def test_many_are_told_together_and_no_report_waits():
    box = Box().up()
    box.on(ev.ExecutorDone(box.state.run, Outcome(reached=True)))
    told = [one for number in range(BURST) for one in ends(box, number)]
    assert [one.count for one in told] == [1] * BURST
    box.all.clear()
    began = box.wall
    for number in range(20):
        assert ends(box, 100 + number) == []
        box.wait(1)
    assert len(published(box.all, NodeTopic.REPORT)) == 20
    (held,) = published(box.wait(GAP_S), NodeTopic.EVENT)
    assert (held.count, held.detail) == (20, "exit 1, 119")
    assert (held.at, held.first_at, held.age_s) == (began + 19, began, GAP_S - 19)
    # Kept until the broker has it, as any other.
    assert box.state.events[-1].id == held.id


def test_others_are_told_at_once_all_the_same():
    box = Box().up()
    for number in range(2 * BURST):
        ends(box, number)
    assert ends(box, 0, "shop-0")[0].subject == "shop-0"


def test_nothing_is_written_for_what_is_held():
    box = Box().up()
    for number in range(BURST):
        ends(box, number)
    kept, box.all[:] = box.state.events, []
    ends(box, 99)
    assert box.state.events == kept


def gone(box):
    """Have the executor tell that nothing is there any more, and return the events of that."""
    outcome = Outcome(accepted=2, digest=DIGEST)
    return published(box.on(ev.ExecutorProgressed(box.state.run, outcome)), NodeTopic.EVENT)


def test_what_is_held_goes_out_before_the_end_of_what_it_speaks_of():
    box = Box().up()
    for number in range(BURST):
        ends(box, number)
    for number in range(3):
        ends(box, 100 + number)
        box.wait(10)
    assert [(one.kind, one.count, one.age_s) for one in gone(box)] == [
        (EventKind.FAILED, 3, 10.0),
        (EventKind.REMOVED, 1, 0.0),
    ]
    assert published(box.wait(2 * BURST * GAP_S), NodeTopic.EVENT) == []


def test_an_agent_that_ends_in_order_tells_what_is_held():
    box = Box().up()
    for number in range(BURST + 2):
        ends(box, number)
    told = published(box.on(ev.StopAsked()), NodeTopic.EVENT)
    assert [(one.kind, one.count) for one in told] == [(EventKind.FAILED, 2)]


def test_what_was_told_by_a_wrong_clock_is_told_by_the_right_one():
    box = Box().up()
    wall, box.wall = box.wall, 100.0
    box.on(ev.Disconnected("gone"))
    ends(box, 1)
    box.wait(3600)
    box.wall = wall + 3600
    (sent,) = published(box.on(ev.Connected(2)), NodeTopic.EVENT)[-1:]
    assert (sent.at, sent.age_s) == (wall, 3600.0)


def test_of_an_earlier_run_nobody_knows_the_clock():
    box = Box().up()
    box.on(ev.Disconnected("gone"))
    ends(box, 1)
    later = Box(events=box.state.events)
    later.state = dataclasses.replace(later.state, boot=4)
    later.wall = box.wall + 3600
    assert published(later.on(ev.Connected(1)), NodeTopic.EVENT)[-1].age_s == 3600.0
    for wall in (100.0, box.wall + 20 * 365 * 86_400):
        later.wall = wall
        sent = published(later.on(ev.Connected(1)), NodeTopic.EVENT)[-1]
        assert (sent.at, sent.age_s) == (box.wall, 0.0)


def test_while_cut_off_the_oldest_of_too_many_are_counted():
    box = Box(settings=Settings(events_most=4)).up()
    box.on(ev.Disconnected("gone"))
    began = box.wall
    for number in range(10):
        ends(box, number, f"web-{number}")
        gone(box)
        box.wait(1)
    assert len(box.state.events) == 4
    first, *others = published(box.on(ev.Connected(2)), NodeTopic.EVENT)
    assert (first.kind, first.subject) == (EventKind.SUPPRESSED, "agent events")
    assert first.detail == f"{first.count} events not sent: more than 4 waited for the broker"
    assert first.count + len(others) == 20 + 1, "all, and the agent's start"
    assert first.first_at <= began < first.at <= others[0].at
    assert len({one.id for one in (first, *others)}) == 4
