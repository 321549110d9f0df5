"""Events of one subject: at once, and together once there are many."""

from tests.agent.test_core import DIGEST, Box, published, status

from skerry_agent import events as ev
from skerry_agent.event_rate import BURST, GAP_S
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState
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
    for number in range(20):
        box.wall += 1
        assert ends(box, 100 + number) == []
        box.wait(1)
    assert len(published(box.all, NodeTopic.REPORT)) == 20
    (held,) = published(box.wait(GAP_S), NodeTopic.EVENT)
    assert (held.count, held.detail, held.first_at) == (20, "exit 1, 119", held.at - 19)
    # Kept until the broker has it, as any other.
    assert box.state.events[-1].id == held.id


def test_others_are_told_at_once_all_the_same():
    box = Box().up()
    for number in range(2 * BURST):
        ends(box, number)
    assert [one.subject for one in ends(box, 0, "shop-0")] == ["shop-0"]


def test_nothing_is_written_for_what_is_held():
    box = Box().up()
    for number in range(BURST):
        ends(box, number)
    kept, box.all[:] = box.state.events, []
    ends(box, 99)
    assert box.state.events == kept
