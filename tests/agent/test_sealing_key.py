"""The key to which secrets are sealed, from the executor to the hub."""

from tests.agent.test_core import Box, published

from skerry_agent import events as ev
from skerry_wire.local import Outcome
from skerry_wire.topics import NodeTopic

KEY, OTHER = b"\x01" * 32, b"\x02" * 32


def visited(box, key):
    return box.on(ev.ExecutorDone(box.state.run, Outcome(reached=True), None, key))


def keys(done):
    return [one.sealing_key for one in published(done, NodeTopic.REPORT)]


def test_the_key_is_in_the_report_and_stays_while_the_executor_is_away():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    assert keys(visited(box, KEY))[-1] == KEY
    assert box.state.sealing_key == KEY
    visited(box, None)
    assert box.state.sealing_key == KEY


def test_another_key_is_told_at_once():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    visited(box, KEY)
    assert keys(visited(box, OTHER)) == [OTHER]


def test_an_executor_that_has_none_is_reported_without():
    box = Box()
    box.on(ev.Started())
    assert set(keys(box.on(ev.Connected(1)))) <= {None}
    visited(box, None)
    assert box.state.sealing_key is None
